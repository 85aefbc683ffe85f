//! `metrics`: the counters of all processes, a hash of Prometheus series. Each process adds
//! its own counters, with a request that goes to Redis anyway.

use redis::Cmd;

use super::error::CacheError;
use super::round_trip::Cache;

const KEY: &str = "metrics";
const TTL_SECONDS: i64 = 7 * 24 * 3600;

impl Cache {
    /// The counters of all processes, after this process has added its own.
    pub async fn metrics(&self) -> Result<Vec<(String, i64)>, CacheError> {
        const OPERATION: &str = "read_metrics";
        let flushed = self.metrics.take_all();
        let mut commands = counters(&flushed);
        let mut read = redis::cmd("HGETALL");
        read.arg(KEY);
        commands.push(read);
        let unexpected =
            || CacheError::UnexpectedData { operation: OPERATION, expected: "series and numbers" };
        match self.send(OPERATION, commands).await {
            Ok(values) => {
                let all = values.into_iter().next_back().ok_or_else(unexpected)?;
                redis::from_redis_value(all).map_err(|_| unexpected())
            }
            Err(error) => {
                self.metrics.put_back(flushed);
                Err(error)
            }
        }
    }

    /// Sets series that are measured, not counted.
    pub async fn set_gauges(&self, gauges: &[(&str, i64)]) -> Result<(), CacheError> {
        let set = gauges.iter().map(|(series, value)| {
            let mut set = redis::cmd("HSET");
            set.arg(KEY).arg(*series).arg(*value);
            set
        });
        self.send("set_gauges", set.chain([expire()]).collect()).await.map(drop)
    }
}

/// The commands that add to the counters; none if there is nothing to add.
pub(super) fn counters(counters: &[(String, i64)]) -> Vec<Cmd> {
    let add = counters.iter().map(|(series, by)| {
        let mut add = redis::cmd("HINCRBY");
        add.arg(KEY).arg(series).arg(by);
        add
    });
    let expire = (!counters.is_empty()).then(expire);
    add.chain(expire).collect()
}

fn expire() -> Cmd {
    let mut expire = redis::cmd("EXPIRE");
    expire.arg(KEY).arg(TTL_SECONDS);
    expire
}

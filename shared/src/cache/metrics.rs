//! `metrics`: the counters of all processes, a hash of Prometheus series. Each process adds
//! its own counters, with a request that goes to Redis anyway.

use redis::Pipeline;

use super::error::CacheError;
use super::round_trip::Cache;

const KEY: &str = "metrics";
const TTL_SECONDS: i64 = 7 * 24 * 3600;

impl Cache {
    /// The counters of all processes, after this process has added its own.
    pub async fn metrics(&self) -> Result<Vec<(String, i64)>, CacheError> {
        const OPERATION: &str = "read_metrics";
        let flushed = self.metrics.take_all();
        let mut pipe = redis::pipe();
        add_counters(&mut pipe, &flushed);
        pipe.cmd("HGETALL").arg(KEY);
        let unexpected =
            || CacheError::UnexpectedData { operation: OPERATION, expected: "series and numbers" };
        match self.send(OPERATION, &pipe).await {
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
        let mut pipe = redis::pipe();
        for (series, value) in gauges {
            pipe.cmd("HSET").arg(KEY).arg(*series).arg(*value).ignore();
        }
        pipe.cmd("EXPIRE").arg(KEY).arg(TTL_SECONDS).ignore();
        self.send("set_gauges", &pipe).await.map(drop)
    }
}

/// Adds to the counters, if there is anything to add.
pub(super) fn add_counters(pipe: &mut Pipeline, counters: &[(String, i64)]) {
    for (series, by) in counters {
        pipe.cmd("HINCRBY").arg(KEY).arg(series).arg(by).ignore();
    }
    if !counters.is_empty() {
        pipe.cmd("EXPIRE").arg(KEY).arg(TTL_SECONDS).ignore();
    }
}

//! Redis: what expires. One concrete cache with named operations; each that decides
//! something is one Lua script in a file of its own, behind `prelude.lua`.
//!
//! | key | what it holds | how long |
//! |---|---|---|
//! | `verification:{id}` | a running verification | 15 min, confirmed 5 min |
//! | `session:{sid}` | `alive`, a hot copy of the row, or `ended`, a tombstone over it | 60 s, 20 min |
//! | `rate_limit:{type}:{id}` | when a bucket is full again | until a minute after |
//! | `metrics` | the fleet's counters | 7 days after the last |
//! | `inbox` | codes "sent" on a laptop | 1 day |

pub mod sessions;
pub mod verifications;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Pipeline, Script, Value};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;
use thiserror::Error;

use crate::config::RedisConfig;
use crate::limits::LimitsConfig;
use crate::limits::{Limit, OnOutage, RateLimitStatus};
use crate::telemetry::Metrics;
use domain::time::Timestamp;

/// Redis answers within this or counts as down.
const DEADLINE: Duration = Duration::from_millis(250);
const METRICS_KEY: &str = "metrics";
const METRICS_TTL_SECONDS: i64 = 7 * 24 * 3600;
const INBOX_KEY: &str = "inbox";

#[derive(Debug, Error)]
pub enum CacheError {
    #[error("a limit refused")]
    Limited { limit: String, wait: Duration },
    #[error("redis did not answer in time")]
    Timeout,
    #[error("redis failed: {}", .0.code().unwrap_or("connection lost"))]
    Redis(#[source] redis::RedisError),
    #[error("redis holds something of another shape")]
    UnexpectedData,
}

impl From<redis::RedisError> for CacheError {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error)
    }
}

/// A limit as the scripts take it.
#[derive(Clone, Debug, Serialize)]
struct LimitArgs {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Where the script makes the key: the field of the record that is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
    name: &'static str,
    /// Milliseconds in which one token comes back.
    interval: u64,
    burst: u32,
    own: bool,
    /// How many the request counts for; one if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<usize>,
}

impl LimitArgs {
    fn new(limit: Limit, config: &LimitsConfig) -> Self {
        let rule = limit.rule(config);
        let period = u64::try_from(rule.period.as_millis()).unwrap_or(u64::MAX);
        Self {
            key: None,
            of: None,
            name: limit.name(),
            interval: (period / u64::from(rule.burst)).max(1),
            burst: rule.burst,
            own: limit.is_callers_own(),
            cost: None,
        }
    }

    /// Counts this id.
    fn rate_limit_check(mut self, id: &str) -> Self {
        self.key = Some(format!("rate_limit:{}:{id}", self.name));
        self
    }

    /// Counts what the record's field says.
    fn of(mut self, field: &'static str) -> Self {
        self.of = Some(field);
        self
    }
}

/// What counts a request: its limits, and where the caller's own standing goes.
pub struct RateLimitCheck<'a> {
    now: Timestamp,
    limits: Vec<LimitArgs>,
    quotas: Vec<LimitArgs>,
    fail_open: bool,
    rate_limit_status: &'a OnceLock<RateLimitStatus>,
}

impl<'a> RateLimitCheck<'a> {
    #[must_use]
    pub fn new(
        config: &LimitsConfig,
        now: Timestamp,
        limits: &[(Limit, &str)],
        rate_limit_status: &'a OnceLock<RateLimitStatus>,
    ) -> Self {
        let limits = if config.enabled { limits } else { &[] };
        Self {
            now,
            limits: limits
                .iter()
                .map(|(limit, id)| LimitArgs::new(*limit, config).rate_limit_check(id))
                .collect(),
            quotas: Vec::new(),
            fail_open: limits
                .iter()
                .all(|(limit, _)| limit.rule(config).on_outage == OnOutage::FailOpen),
            rate_limit_status,
        }
    }

    /// Counts nothing.
    fn nothing(now: Timestamp, rate_limit_status: &'a OnceLock<RateLimitStatus>) -> Self {
        Self { now, limits: Vec::new(), quotas: Vec::new(), fail_open: false, rate_limit_status }
    }

    /// The same request, counted by one more limit, which it costs as much as it asks for.
    #[must_use]
    pub fn with_cost(mut self, config: &LimitsConfig, limit: Limit, id: &str, cost: usize) -> Self {
        if config.enabled && cost > 0 {
            let limit = LimitArgs::new(limit, config).rate_limit_check(id);
            self.limits.push(LimitArgs { cost: Some(cost), ..limit });
        }
        self
    }

    /// The same request, which would besides have a share of each of these: one that is
    /// used up refuses nothing but itself. They hold for load tests too.
    #[must_use]
    pub fn with_quotas(self, config: &LimitsConfig, quotas: &[(Limit, String)]) -> Self {
        let quotas =
            quotas.iter().map(|(limit, of)| LimitArgs::new(*limit, config).rate_limit_check(of));
        Self { quotas: quotas.collect(), ..self }
    }

    /// The same request, counted by more; `id` tells what each `of` stands for.
    fn and(&self, more: Vec<LimitArgs>, id: impl Fn(&str) -> String) -> Self {
        let more = more.into_iter().map(|limit| {
            let of = id(limit.of.unwrap_or_default());
            limit.rate_limit_check(&of)
        });
        Self {
            now: self.now,
            limits: self.limits.iter().cloned().chain(more).collect(),
            quotas: Vec::new(),
            fail_open: false,
            rate_limit_status: self.rate_limit_status,
        }
    }
}

#[derive(Serialize)]
struct Args<'a, T> {
    now: i64,
    limits: &'a [LimitArgs],
    #[serde(skip_serializing_if = "<[LimitArgs]>::is_empty")]
    quotas: &'a [LimitArgs],
    #[serde(flatten)]
    own: T,
}

#[derive(Deserialize)]
struct RateLimitStatusReply {
    limit: u32,
    remaining: u32,
    reset: u64,
}

#[derive(Serialize)]
struct Nothing {}

/// A script, and whether it may run twice for one request: what it counts is then counted
/// twice, which only makes a limit stricter.
struct Lua {
    script: Script,
    repeatable: bool,
}

/// The prelude, what a script quotas with others, and itself.
macro_rules! lua {
    (once $($file:literal),+) => { $crate::cache::lua!(@ false, $($file),+) };
    (repeatable $($file:literal),+) => { $crate::cache::lua!(@ true, $($file),+) };
    (@ $repeatable:literal, $($file:literal),+) => {
        ::std::sync::LazyLock::new(|| $crate::cache::Lua {
            script: ::redis::Script::new(
                concat!(include_str!("prelude.lua"), $(include_str!($file)),+),
            ),
            repeatable: $repeatable,
        })
    };
}
use lua;

static TAKE_LIMITS: LazyLock<Lua> = lua!(repeatable "take_limits.lua");

/// The connection and what is done with it.
pub struct Cache {
    manager: ConnectionManager,
    metrics: Arc<Metrics>,
    round_trips: AtomicU64,
}

impl Cache {
    /// Prepares the connection; it is made with the first command, and again whenever it
    /// was lost.
    pub fn new(config: &RedisConfig, metrics: Arc<Metrics>) -> Result<Self, CacheError> {
        let client = redis::Client::open(config.url.expose_secret())?;
        let manager_config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(Duration::from_millis(50))
            .set_connection_timeout(Some(DEADLINE))
            .set_response_timeout(Some(DEADLINE));
        Ok(Self {
            manager: ConnectionManager::new_lazy_with_config(client, manager_config)?,
            metrics,
            round_trips: AtomicU64::new(0),
        })
    }

    /// Round trips made so far: what the bench counts.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        pipe.cmd("PING");
        self.send(&pipe).await.map(drop)
    }

    /// One round trip, within the deadline, for what may be applied twice: a connection
    /// that turns out to be lost is made anew once, and nobody knows how far it came.
    async fn send(&self, pipe: &Pipeline) -> Result<Vec<Value>, CacheError> {
        self.exchange(pipe, true).await
    }

    async fn exchange(&self, pipe: &Pipeline, repeatable: bool) -> Result<Vec<Value>, CacheError> {
        let exchange = async {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            let mut manager = self.manager.clone();
            match pipe.query_async(&mut manager).await {
                Err(error)
                    if repeatable && (error.is_connection_dropped() || error.is_io_error()) =>
                {
                    self.round_trips.fetch_add(1, Ordering::Relaxed);
                    pipe.query_async(&mut manager).await
                }
                result => result,
            }
        };
        match tokio::time::timeout(DEADLINE, exchange).await {
            Ok(values) => Ok(values?),
            Err(_) => Err(CacheError::Timeout),
        }
    }

    /// Runs a script on at most one key of its own. Counters that are due travel along.
    async fn run<T: Serialize, R: DeserializeOwned>(
        &self,
        script: &Lua,
        key: Option<&str>,
        rate_limit_check: &RateLimitCheck<'_>,
        own: T,
    ) -> Result<R, CacheError> {
        let (limits, quotas) = (&rate_limit_check.limits, &rate_limit_check.quotas);
        let args = Args { now: rate_limit_check.now.millis(), limits, quotas, own };
        let args = serde_json::to_string(&args).map_err(|_| CacheError::UnexpectedData)?;
        let mut pipe = redis::pipe();
        let call = |pipe: &mut Pipeline| {
            pipe.cmd("EVALSHA").arg(script.script.get_hash()).arg(usize::from(key.is_some()));
            if let Some(key) = key {
                pipe.arg(key);
            }
            pipe.arg(&args);
        };
        call(&mut pipe);
        // A code is compared, or made and sent, once for each request.
        let repeatable = script.repeatable;
        let flushed = self.metrics.take_due(rate_limit_check.now);
        add_metrics(&mut pipe, &flushed);
        let script = &script.script;
        let values = match self.exchange(&pipe, repeatable).await {
            Err(CacheError::Redis(error)) if error.code() == Some("NOSCRIPT") => {
                // A Redis that restarted knows no scripts: teach it this one.
                let load = script.load_async(&mut self.manager.clone()).await;
                load.map_err(CacheError::Redis)?;
                let mut again = redis::pipe();
                call(&mut again);
                self.exchange(&again, repeatable).await?
            }
            Err(error) => {
                self.metrics.put_back(flushed);
                return Err(error);
            }
            Ok(values) => values,
        };
        let reply = values.into_iter().next().ok_or(CacheError::UnexpectedData)?;
        let reply: String =
            redis::from_redis_value(reply).map_err(|_| CacheError::UnexpectedData)?;
        self.read_reply(&reply, rate_limit_check)
    }

    /// What every reply holds; then what it is about.
    fn read_reply<R: DeserializeOwned>(
        &self,
        reply: &str,
        rate_limit_check: &RateLimitCheck<'_>,
    ) -> Result<R, CacheError> {
        #[derive(Deserialize)]
        struct Limits {
            status: String,
            #[serde(default)]
            limit: String,
            #[serde(default)]
            wait: f64,
            #[serde(default)]
            tripped: bool,
            rate_limit_status: Option<RateLimitStatusReply>,
        }
        let limits: Limits = serde_json::from_str(reply).map_err(|_| CacheError::UnexpectedData)?;
        if let Some(RateLimitStatusReply { limit, remaining, reset }) = limits.rate_limit_status {
            let reset = Duration::from_millis(reset);
            let _ =
                rate_limit_check.rate_limit_status.set(RateLimitStatus { limit, remaining, reset });
        }
        if limits.tripped {
            self.metrics.count("auth_sms_breaker_trips_total");
            tracing::error!(alarm = "sms_breaker", "messages pause: too few codes are entered");
        }
        if limits.status == "limited" {
            let wait = Duration::try_from_secs_f64(limits.wait / 1000.0).unwrap_or_default();
            return Err(CacheError::Limited { limit: limits.limit, wait });
        }
        serde_json::from_str(reply).map_err(|_| CacheError::UnexpectedData)
    }

    /// Counts a request that needs nothing else of Redis.
    pub async fn take_limits(
        &self,
        rate_limit_check: &RateLimitCheck<'_>,
    ) -> Result<(), CacheError> {
        #[derive(Deserialize)]
        struct Taken {}
        if rate_limit_check.limits.is_empty() {
            return Ok(());
        }
        match self.run(&TAKE_LIMITS, None, rate_limit_check, Nothing {}).await {
            Ok(Taken {}) => Ok(()),
            Err(limited @ CacheError::Limited { .. }) => Err(limited),
            Err(error) if rate_limit_check.fail_open => {
                tracing::warn!(error = %error, "limits are not counted");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The fleet's counters, after adding what this process still holds.
    pub async fn metrics(&self) -> Result<Vec<(String, i64)>, CacheError> {
        let flushed = self.metrics.take_all();
        let mut pipe = redis::pipe();
        add_metrics(&mut pipe, &flushed);
        pipe.cmd("HGETALL").arg(METRICS_KEY);
        match self.send(&pipe).await {
            Ok(values) => {
                let all = values.into_iter().next_back().ok_or(CacheError::UnexpectedData)?;
                redis::from_redis_value(all).map_err(|_| CacheError::UnexpectedData)
            }
            Err(error) => {
                self.metrics.put_back(flushed);
                Err(error)
            }
        }
    }

    /// Sets figures of the whole fleet, which are read rather than counted.
    pub async fn set_gauges(&self, gauges: &[(&str, i64)]) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        for (series, value) in gauges {
            pipe.cmd("HSET").arg(METRICS_KEY).arg(*series).arg(*value).ignore();
        }
        pipe.cmd("EXPIRE").arg(METRICS_KEY).arg(METRICS_TTL_SECONDS).ignore();
        self.send(&pipe).await.map(drop)
    }

    /// Keeps a message for the local inbox page, the newest first.
    pub async fn put_inbox(&self, message: &str) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("LPUSH").arg(INBOX_KEY).arg(message).ignore();
        pipe.cmd("LTRIM").arg(INBOX_KEY).arg(0).arg(499).ignore();
        pipe.cmd("EXPIRE").arg(INBOX_KEY).arg(24 * 3600).ignore();
        self.send(&pipe).await.map(drop)
    }

    /// The local inbox, newest first.
    pub async fn inbox(&self) -> Result<Vec<String>, CacheError> {
        let mut pipe = redis::pipe();
        pipe.cmd("LRANGE").arg(INBOX_KEY).arg(0).arg(-1);
        let values = self.send(&pipe).await?;
        let list = values.into_iter().next().ok_or(CacheError::UnexpectedData)?;
        redis::from_redis_value(list).map_err(|_| CacheError::UnexpectedData)
    }
}

fn add_metrics(pipe: &mut Pipeline, flushed: &[(String, i64)]) {
    for (series, by) in flushed {
        pipe.cmd("HINCRBY").arg(METRICS_KEY).arg(series).arg(by).ignore();
    }
    if !flushed.is_empty() {
        pipe.cmd("EXPIRE").arg(METRICS_KEY).arg(METRICS_TTL_SECONDS).ignore();
    }
}

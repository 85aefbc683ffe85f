//! Lua scripts: how they are called, and what every reply holds.

use redis::{Pipeline, Script};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::connection::Cache;
use super::error::CacheError;
use super::metrics::add_counters;
use super::sms_breaker;
use crate::limits::check::{LimitArgs, RateLimitCheck, RateLimitStatus};
use crate::limits::policy::Limit;

const PRELUDE: &str = include_str!("prelude.lua");

/// A script with the name of its operation.
pub(super) struct LuaScript {
    operation: &'static str,
    script: Script,
    /// Whether the script may run twice for one request. It then counts the request twice,
    /// which only makes a limit stricter.
    repeatable: bool,
}

impl LuaScript {
    /// A script that never runs twice for one request: a code is compared or made once.
    pub(super) fn once(operation: &'static str, files: &[&str]) -> Self {
        Self::new(operation, files, false)
    }

    /// A script that may run twice for one request.
    pub(super) fn repeatable(operation: &'static str, files: &[&str]) -> Self {
        Self::new(operation, files, true)
    }

    /// The script is the prelude and then the files, in their order.
    fn new(operation: &'static str, files: &[&str], repeatable: bool) -> Self {
        let source = [PRELUDE].iter().chain(files).copied().collect::<String>();
        Self { operation, script: Script::new(&source), repeatable }
    }

    /// The error for a reply that is not as `expected`.
    pub(super) fn unexpected(&self, expected: &'static str) -> CacheError {
        CacheError::UnexpectedData { operation: self.operation, expected }
    }

    fn call(&self, pipe: &mut Pipeline, key: Option<&str>, args: &str) {
        pipe.cmd("EVALSHA").arg(self.script.get_hash()).arg(usize::from(key.is_some()));
        if let Some(key) = key {
            pipe.arg(key);
        }
        pipe.arg(args);
    }
}

/// No arguments but those of every script.
#[derive(Serialize)]
pub(super) struct NoArgs {}

#[derive(Serialize)]
struct Args<'a, T> {
    now: i64,
    limits: &'a [LimitArgs],
    #[serde(skip_serializing_if = "<[LimitArgs]>::is_empty")]
    quotas: &'a [LimitArgs],
    #[serde(flatten)]
    own: T,
}

/// What every reply may hold, beside the result of its script.
#[derive(Deserialize)]
struct ReplyHeader<'a> {
    status: &'a str,
    /// The name of the limit that refuses, and milliseconds to wait.
    limit: Option<&'a str>,
    #[serde(default)]
    wait: f64,
    #[serde(default)]
    tripped: bool,
    rate_limit_status: Option<RateLimitStatusReply>,
}

impl ReplyHeader<'_> {
    /// Fails if the script refuses the request. The one place that reads refusals.
    fn check_refusal(&self, script: &LuaScript) -> Result<(), CacheError> {
        let wait = Duration::try_from_secs_f64(self.wait / 1000.0).unwrap_or_default();
        match self.status {
            "limited" => {
                let limit = self.limit.and_then(Limit::from_name);
                let limit = limit.ok_or_else(|| script.unexpected("the name of a limit"))?;
                Err(CacheError::Limited { limit, wait })
            }
            "sms_paused" => Err(CacheError::SmsPaused { wait }),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct RateLimitStatusReply {
    limit: u32,
    remaining: u32,
    /// Milliseconds.
    reset: u64,
}

impl Cache {
    /// Runs a script on at most one key of its own. Metrics that are due are sent with it.
    pub(super) async fn run<T: Serialize, R: DeserializeOwned>(
        &self,
        script: &LuaScript,
        key: Option<&str>,
        check: &RateLimitCheck<'_>,
        own: T,
    ) -> Result<R, CacheError> {
        let (limits, quotas) = (check.limits(), check.quotas());
        let args = Args { now: check.now().millis(), limits, quotas, own };
        let args = serde_json::to_string(&args)
            .map_err(|_| script.unexpected("arguments that JSON can hold"))?;
        let mut pipe = redis::pipe();
        script.call(&mut pipe, key, &args);
        let flushed = self.metrics.take_due(check.now());
        add_counters(&mut pipe, &flushed);
        let values = match self.send_with(script.operation, &pipe, script.repeatable).await {
            Err(CacheError::Redis { source, .. }) if source.is_unknown_script() => {
                let load = script.script.load_async(&mut self.manager.clone()).await;
                load.map_err(CacheError::redis(script.operation))?;
                // Redis has added the metrics of the first attempt.
                let mut retry = redis::pipe();
                script.call(&mut retry, key, &args);
                self.send_with(script.operation, &retry, script.repeatable).await?
            }
            Err(error) => {
                self.metrics.put_back(flushed);
                return Err(error);
            }
            Ok(values) => values,
        };
        let reply = values.into_iter().next().and_then(|v| redis::from_redis_value(v).ok());
        let reply: String = reply.ok_or_else(|| script.unexpected("a text reply"))?;
        self.read_header(script, &reply, check)?;
        serde_json::from_str(&reply).map_err(|_| script.unexpected("the result of the script"))
    }

    /// Reads what every reply may hold.
    fn read_header(
        &self,
        script: &LuaScript,
        reply: &str,
        check: &RateLimitCheck<'_>,
    ) -> Result<(), CacheError> {
        let header: ReplyHeader =
            serde_json::from_str(reply).map_err(|_| script.unexpected("a reply with a status"))?;
        if let Some(RateLimitStatusReply { limit, remaining, reset }) = header.rate_limit_status {
            let reset = Duration::from_millis(reset);
            check.set_status(RateLimitStatus { limit, remaining, reset });
        }
        if header.tripped {
            sms_breaker::report_trip(&self.metrics);
        }
        header.check_refusal(script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(reply: &str) -> Result<(), CacheError> {
        let header: ReplyHeader = serde_json::from_str(reply).unwrap();
        header.check_refusal(&LuaScript::once("test", &[]))
    }

    #[test]
    fn every_limit_is_read_by_its_name() {
        for limit in Limit::ALL {
            let reply = format!(r#"{{"status":"limited","limit":"{}","wait":1500}}"#, limit.name());
            let Err(CacheError::Limited { limit: read, wait }) = refusal(&reply) else {
                panic!("{reply} is no refusal");
            };
            assert_eq!((read, wait), (limit, Duration::from_millis(1500)));
        }
    }

    #[test]
    fn an_unknown_limit_is_unexpected_data() {
        for reply in [r#"{"status":"limited","limit":"sms_paused"}"#, r#"{"status":"limited"}"#] {
            let error = refusal(reply).unwrap_err();
            assert!(matches!(error, CacheError::UnexpectedData { operation: "test", .. }));
        }
    }

    #[test]
    fn the_breaker_refuses_by_its_own_status() {
        let error = refusal(r#"{"status":"sms_paused","wait":1800000}"#).unwrap_err();
        let CacheError::SmsPaused { wait } = error else { panic!("{error} is not a pause") };
        assert_eq!(wait, Duration::from_mins(30));
        assert!(refusal(r#"{"status":"incorrect","wait":1}"#).is_ok());
    }
}

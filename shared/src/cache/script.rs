//! Lua scripts: how they are called, and what every reply holds.

use redis::{Cmd, Pipeline, Script};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::error::CacheError;
use super::metrics::add_counters;
use super::round_trip::Cache;
use super::sms_breaker;
use crate::limits::check::{LimitArgs, RateLimitCheck, RateLimitStatus};
use crate::limits::policy::Limit;

const PRELUDE: &str = include_str!("prelude.lua");

/// A script with the name of its operation.
pub(super) struct LuaScript {
    operation: &'static str,
    script: Script,
    source: String,
}

impl LuaScript {
    /// The script is the prelude and then the files, in their order.
    pub(super) fn new(operation: &'static str, files: &[&str]) -> Self {
        let source = [PRELUDE].iter().chain(files).copied().collect::<String>();
        Self { operation, script: Script::new(&source), source }
    }

    /// The error for a reply that is not as `expected`.
    pub(super) fn unexpected(&self, expected: &'static str) -> CacheError {
        CacheError::UnexpectedData { operation: self.operation, expected }
    }

    fn by_hash(&self) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.script.get_hash());
        command
    }

    /// For a server that does not know the script. It knows it afterwards.
    fn by_source(&self) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(&self.source);
        command
    }

    fn call(pipe: &mut Pipeline, command: Cmd, key: Option<&str>, args: &str) {
        pipe.add_command(command).arg(usize::from(key.is_some()));
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
        LuaScript::call(&mut pipe, script.by_hash(), key, &args);
        let flushed = self.metrics.take_due(check.now());
        add_counters(&mut pipe, &flushed);
        let values = match self.send(script.operation, &pipe).await {
            Err(CacheError::Redis { source, .. }) if source.is_unknown_script() => {
                // Redis has added the metrics of the first attempt.
                let mut retry = redis::pipe();
                LuaScript::call(&mut retry, script.by_source(), key, &args);
                self.send(script.operation, &retry).await?
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
        header.check_refusal(&LuaScript::new("test", &[]))
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

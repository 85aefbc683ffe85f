//! Lua scripts: how they are called, and how their replies are read.
//!
//! A script declares every key that it uses, and its keys share one hash tag, so that it also
//! runs in a cluster. Start and resend on a single node are the exception: there one script
//! takes the limits of all tags at once. Any script may run twice for one call, because a
//! call whose reply was lost is repeated.

use redis::{Cmd, FromRedisValue, Script, ToRedisArgs, Value};
use std::vec::IntoIter;

use domain::time::Timestamp;

use super::error::CacheError;
use super::metrics::counters;
use super::round_trip::Cache;
use crate::limits::check::LimitArgs;

/// The functions that a script with limits starts with.
pub(super) const LIMITS: &str = include_str!("rate_limits/limits.lua");
/// The function that reads a hash.
pub(super) const READ_HASH: &str = include_str!("read_hash.lua");

/// A script with the name of its operation.
pub(super) struct LuaScript {
    operation: &'static str,
    source: String,
    hash: String,
}

impl LuaScript {
    /// The script is these files, in their order. `now` is the first argument of all.
    pub(super) fn new(operation: &'static str, files: &[&str]) -> Self {
        let source = format!("local now = tonumber(ARGV[1])\n{}", files.concat());
        let hash = Script::new(&source).get_hash().to_owned();
        Self { operation, source, hash }
    }

    pub(super) fn call(&self, now: Timestamp) -> ScriptCall<'_> {
        let call = ScriptCall { script: self, now, keys: Vec::new(), args: Vec::new() };
        call.arg(now.millis())
    }
}

/// A script with its keys and arguments. The first argument is the time of the request.
pub(super) struct ScriptCall<'s> {
    script: &'s LuaScript,
    now: Timestamp,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl ScriptCall<'_> {
    pub(super) fn keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.keys.extend(keys.into_iter().map(Into::into));
        self
    }

    pub(super) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    /// The arguments of limits, whose keys are given apart.
    pub(super) fn limits<'l>(mut self, limits: impl IntoIterator<Item = &'l LimitArgs>) -> Self {
        for limit in limits {
            self = self.arg(limit.interval).arg(limit.burst).arg(limit.cost);
        }
        self
    }

    /// By the hash of the script, which a server knows once it has run it.
    fn by_hash(&self) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.script.hash);
        self.finish(command)
    }

    fn by_source(&self) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(&self.script.source);
        self.finish(command)
    }

    fn finish(&self, mut command: Cmd) -> Cmd {
        command.arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}

/// The list that a script returned, read from its first element on.
pub(super) struct Reply {
    operation: &'static str,
    values: IntoIter<Value>,
}

impl Reply {
    pub(super) fn new(operation: &'static str, value: Value) -> Result<Self, CacheError> {
        let expected = "a list";
        let values = redis::from_redis_value::<Vec<Value>>(value)
            .map_err(|_| CacheError::UnexpectedData { operation, expected })?;
        Ok(Self { operation, values: values.into_iter() })
    }

    /// The next element.
    pub(super) fn next<T: FromRedisValue>(
        &mut self,
        expected: &'static str,
    ) -> Result<T, CacheError> {
        let value = self.values.next().and_then(|value| redis::from_redis_value(value).ok());
        value.ok_or_else(|| self.unexpected(expected))
    }

    /// The next element, if the list has one more.
    pub(super) fn next_if_any<T: FromRedisValue>(
        &mut self,
        expected: &'static str,
    ) -> Result<Option<T>, CacheError> {
        if self.values.len() == 0 { Ok(None) } else { self.next(expected).map(Some) }
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        expected: &'static str,
    ) -> Result<T, CacheError> {
        let number = self.next::<i64>(expected)?;
        T::try_from(number).map_err(|_| self.unexpected(expected))
    }

    /// The error for a reply that is not as `expected`.
    pub(super) fn unexpected(&self, expected: &'static str) -> CacheError {
        CacheError::UnexpectedData { operation: self.operation, expected }
    }
}

impl Cache {
    /// Runs a script. Metrics that are due are sent with it.
    pub(super) async fn run(&self, call: ScriptCall<'_>) -> Result<Reply, CacheError> {
        let operation = call.script.operation;
        let value = match self.send_with_metrics(operation, call.now, call.by_hash()).await {
            Err(error) if error.is_unknown_script() => {
                self.send(operation, vec![call.by_source()]).await.map(first)?
            }
            result => result?,
        };
        Reply::new(operation, value)
    }

    /// Runs a script that must not run twice. It is not repeated if its reply is lost.
    pub(super) async fn run_once(&self, call: ScriptCall<'_>) -> Result<Reply, CacheError> {
        let operation = call.script.operation;
        let value = match self.send_once(operation, call.by_hash()).await {
            Err(error) if error.is_unknown_script() => {
                self.send_once(operation, call.by_source()).await?
            }
            result => result?,
        };
        Reply::new(operation, value)
    }

    /// One command, and the metrics that are due.
    pub(super) async fn send_with_metrics(
        &self,
        operation: &'static str,
        now: Timestamp,
        command: Cmd,
    ) -> Result<Value, CacheError> {
        let flushed = self.metrics.take_due(now);
        if flushed.is_empty() {
            return self.send(operation, vec![command]).await.map(first);
        }
        if self.is_cluster() {
            // Another node counts.
            let value = self.send(operation, vec![command]).await.map(first);
            if self.send("flush_metrics", counters(&flushed)).await.is_err() {
                self.metrics.put_back(flushed);
            }
            return value;
        }
        let groups = vec![vec![command], counters(&flushed)];
        match self.send_groups(operation, groups).await {
            // Redis has added the metrics, whether it knows the script or not.
            Err(error) if !error.is_unknown_script() => {
                self.metrics.put_back(flushed);
                Err(error)
            }
            result => result.map(first),
        }
    }
}

fn first(values: Vec<Value>) -> Value {
    values.into_iter().next().unwrap_or(Value::Nil)
}

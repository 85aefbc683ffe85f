//! What can go wrong with an operation on Redis. No text of these errors contains stored
//! data: Redis quotes keys and arguments in its own messages, so these are dropped.

use std::fmt;
use std::time::Duration;
use thiserror::Error;

use crate::cloud::CloudError;
use crate::limits::Limit;

#[derive(Debug, Error)]
pub enum CacheError {
    /// A rate limit refuses the request.
    #[error("rate limit {} refuses the request", limit.name())]
    Limited { limit: Limit, wait: Duration },
    /// The breaker pauses SMS to the number's block or country.
    #[error("the sms breaker refuses the request")]
    SmsPaused { wait: Duration },
    #[error("{operation}: redis did not answer in time")]
    Timeout { operation: &'static str },
    #[error("{operation} failed")]
    Redis { operation: &'static str, source: RedisFailure },
    /// The address of Redis, or a login, could not be had.
    #[error("{operation}: no connection to redis")]
    Cloud { operation: &'static str, source: CloudError },
    #[error("{operation}: the address of redis is not known")]
    Unknown { operation: &'static str },
    /// Only a new deployment mends it.
    #[error("{operation}: {variable} names a cache without TLS, which production refuses")]
    WithoutTls { operation: &'static str, variable: &'static str },
    /// Redis answered something that this release does not write or return.
    #[error("{operation}: redis returned unexpected data, not {expected}")]
    UnexpectedData { operation: &'static str, expected: &'static str },
}

impl CacheError {
    /// For `map_err`: the client library's error of an operation.
    pub(super) fn redis(operation: &'static str) -> impl FnOnce(redis::RedisError) -> Self {
        move |error| Self::Redis { operation, source: RedisFailure::from(&error) }
    }

    /// Whether Redis does not know the script, because it restarted or flushed its scripts.
    pub(super) fn is_unknown_script(&self) -> bool {
        matches!(self, Self::Redis { source, .. } if source.kind
            == redis::ErrorKind::Server(redis::ServerErrorKind::NoScript))
    }
}

/// The kind and the code of a failure that the Redis client reports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct RedisFailure {
    kind: redis::ErrorKind,
    /// The first word of Redis' error reply, such as `READONLY`.
    code: Option<String>,
    /// For a failed connection, how it failed.
    connection: Option<&'static str>,
}

impl From<&redis::RedisError> for RedisFailure {
    fn from(error: &redis::RedisError) -> Self {
        let is_plain = |code: &&str| {
            code.len() <= 20 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        };
        let connection = if error.is_connection_refusal() {
            Some("connection refused")
        } else if error.is_timeout() {
            Some("connection timed out")
        } else if error.is_connection_dropped() {
            Some("connection lost")
        } else {
            None
        };
        Self {
            kind: error.kind(),
            code: error.code().filter(is_plain).map(str::to_owned),
            connection,
        }
    }
}

impl fmt::Display for RedisFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, self.connection) {
            (Some(code), _) => write!(f, "redis error {code}"),
            (None, Some(connection)) => write!(f, "redis {connection}"),
            (None, None) => write!(f, "redis client error {:?}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    const SECRET: &str = "+33612345678";

    fn failure(error: &redis::RedisError) -> CacheError {
        CacheError::Redis { operation: "ping", source: RedisFailure::from(error) }
    }

    #[test]
    fn the_texts_of_redis_are_dropped() {
        let with_detail =
            redis::RedisError::from((redis::ErrorKind::Client, "bad", SECRET.to_owned()));
        let reply = redis::make_extension_error(SECRET.to_owned(), Some(SECRET.to_owned()));
        let io = redis::RedisError::from(std::io::Error::other(SECRET));
        for error in [with_detail, reply, io] {
            let error = failure(&error);
            let source = error.source().expect("a source");
            assert!(source.source().is_none());
            let text = format!("{error} {error:?} {source} {source:?}");
            assert!(!text.contains(SECRET), "{text}");
        }
    }

    #[test]
    fn a_code_and_a_lost_connection_are_named() {
        let text = |error: &redis::RedisError| {
            failure(error).source().map(ToString::to_string).unwrap_or_default()
        };
        let code = redis::make_extension_error("WRONGTYPE".to_owned(), None);
        assert_eq!(text(&code), "redis error WRONGTYPE");
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(text(&refused.into()), "redis connection refused");
        let client = redis::RedisError::from((redis::ErrorKind::Client, "bad"));
        assert_eq!(text(&client), "redis client error Client");
        assert_eq!(failure(&client).to_string(), "ping failed");
    }
}

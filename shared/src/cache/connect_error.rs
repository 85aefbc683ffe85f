//! Why no connection to Redis could be opened, and what of an error a new connection mends.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::cloud::CloudError;

#[derive(Debug)]
pub(super) enum ConnectError {
    Redis(RedisError),
    /// The address or the password could not be had.
    Cloud(CloudError),
    /// Nobody knows where the cache is.
    Unknown,
    /// The cache that this variable names has no TLS.
    WithoutTls {
        variable: &'static str,
    },
}

impl From<RedisError> for ConnectError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<CloudError> for ConnectError {
    fn from(error: CloudError) -> Self {
        Self::Cloud(error)
    }
}

/// Whether a new connection may succeed where this one failed.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
        return true;
    }
    if is_refused_login(error) {
        return true;
    }
    match error.kind() {
        ErrorKind::Parse
        | ErrorKind::Server(
            ServerErrorKind::ReadOnly
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown,
        ) => true,
        // Before Redis 7, a script reports READONLY inside its own error.
        ErrorKind::Server(ServerErrorKind::ResponseError) => {
            error.detail().is_some_and(|detail| detail.contains("-READONLY"))
        }
        _ => false,
    }
}

/// Whether the password is not, or no longer, the right one. A cluster tells it in the detail of
/// its own error.
pub(super) fn is_refused_login(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("WRONGPASS" | "NOAUTH"))
        || error.detail().is_some_and(|detail| detail.contains("AuthenticationFailed"))
}

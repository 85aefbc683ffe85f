//! The connection to Redis that is kept, and when it is replaced.
//!
//! A connection is not trusted because it is open. It is dropped, and the address resolved
//! again, after a timeout, a connection error, or an answer that says that this server is not
//! the one to ask. One that was idle for a long time is replaced before it is used.

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::time::Timestamp;

use super::endpoint::{Connection, Endpoint};
use crate::clock::Clock;
use crate::config::stores::MAX_IDLE;

/// The connection that all requests of this process share.
pub(super) struct SharedConnection {
    endpoint: Endpoint,
    clock: Clock,
    held: Mutex<Option<Held>>,
    /// Held by the one caller that opens a connection. The others wait for it.
    opening: tokio::sync::Mutex<()>,
    opened: AtomicU64,
}

struct Held {
    connection: Connection,
    number: u64,
    used_at: Timestamp,
}

impl SharedConnection {
    /// Opens nothing yet.
    pub(super) fn new(endpoint: Endpoint, clock: Clock) -> Self {
        Self {
            endpoint,
            clock,
            held: Mutex::new(None),
            opening: tokio::sync::Mutex::new(()),
            opened: AtomicU64::new(0),
        }
    }

    /// The connection with its number. Opens one if there is none.
    pub(super) async fn get(&self) -> RedisResult<(u64, Connection)> {
        if let Some(held) = self.usable() {
            return Ok(held);
        }
        let _opening = self.opening.lock().await;
        if let Some(held) = self.usable() {
            return Ok(held);
        }
        let connection = self.endpoint.open().await?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let held = Held { connection: connection.clone(), number, used_at: self.clock.now() };
        *self.held() = Some(held);
        Ok((number, connection))
    }

    /// Drops the connection with this number. A newer one stays.
    pub(super) fn discard(&self, number: u64) {
        let mut held = self.held();
        if held.as_ref().is_some_and(|held| held.number == number) {
            *held = None;
        }
    }

    fn usable(&self) -> Option<(u64, Connection)> {
        let now = self.clock.now();
        let mut held = self.held();
        if held.as_ref().is_some_and(|held| now.since(held.used_at) > MAX_IDLE) {
            *held = None;
        }
        held.as_mut().map(|held| {
            held.used_at = now;
            (held.number, held.connection.clone())
        })
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a new connection may succeed where this one failed.
pub(super) fn ends_connection(error: &RedisError) -> bool {
    if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
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

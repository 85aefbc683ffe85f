//! The connection to Redis that is kept, and when it is replaced.
//!
//! A connection is not trusted because it is open. It is dropped, and the address resolved
//! again, after a timeout, a connection error, or an answer that says that this server is not
//! the one to ask. One that was idle for a long time is replaced before it is used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;

use super::connect_error::ConnectError;
use super::endpoint::{Connection, Endpoint};
use crate::clock::Clock;
use crate::config::stores::MAX_IDLE;
use crate::telemetry::Metrics;

/// An older connection is replaced before it is used: ElastiCache closes one that logged in by
/// IAM 12 hours before.
const MAX_AGE: Duration = Duration::from_hours(10);
/// Connections that were lost or could not be opened.
const RECONNECTS: &str = r#"auth_store_reconnects_total{store="redis"}"#;

/// The connection that all requests of this process share.
pub(super) struct SharedConnection {
    endpoint: Endpoint,
    clock: Clock,
    metrics: Arc<Metrics>,
    held: Mutex<Option<Held>>,
    /// Held by the one caller that opens a connection. The others wait for it.
    opening: tokio::sync::Mutex<()>,
    opened: AtomicU64,
}

struct Held {
    connection: Connection,
    number: u64,
    opened_at: Timestamp,
    used_at: Timestamp,
}

impl SharedConnection {
    /// Opens nothing yet.
    pub(super) fn new(endpoint: Endpoint, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            endpoint,
            clock,
            metrics,
            held: Mutex::new(None),
            opening: tokio::sync::Mutex::new(()),
            opened: AtomicU64::new(0),
        }
    }

    /// Whether keys of different hash tags are on different nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.endpoint.is_cluster()
    }

    /// What the first connection needs and may take longer than an operation.
    pub(super) async fn prepare(&self) -> Result<(), ConnectError> {
        self.endpoint.prepare().await
    }

    /// The connection with its number. Opens one if there is none.
    pub(super) async fn get(&self) -> Result<(u64, Connection), ConnectError> {
        if let Some(held) = self.usable() {
            return Ok(held);
        }
        let _opening = self.opening.lock().await;
        if let Some(held) = self.usable() {
            return Ok(held);
        }
        let connection = self.endpoint.open().await.inspect_err(|_| self.note_loss())?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.clock.now();
        let held = Held { connection: connection.clone(), number, opened_at: now, used_at: now };
        *self.held() = Some(held);
        Ok((number, connection))
    }

    /// Drops the connection with this number. A newer one stays.
    pub(super) fn discard(&self, number: u64) {
        let mut held = self.held();
        if held.as_ref().is_some_and(|held| held.number == number) {
            *held = None;
            drop(held);
            self.note_loss();
        }
    }

    /// No connection was had: it was lost, refused, or not opened in time.
    pub(super) fn note_loss(&self) {
        self.metrics.count(RECONNECTS);
        self.endpoint.note_loss();
    }

    fn usable(&self) -> Option<(u64, Connection)> {
        let now = self.clock.now();
        let mut held = self.held();
        let is_old =
            |held: &Held| now.since(held.used_at) > MAX_IDLE || now.since(held.opened_at) > MAX_AGE;
        if held.as_ref().is_some_and(is_old) {
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

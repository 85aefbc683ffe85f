//! The connection to Redis, and round trips over it.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Pipeline, Value};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::error::CacheError;
use crate::telemetry::Metrics;

/// An operation that takes longer than this fails.
const TIMEOUT: Duration = Duration::from_millis(250);

/// Redis, with one method for each operation.
pub struct Cache {
    pub(super) manager: ConnectionManager,
    pub(super) metrics: Arc<Metrics>,
    round_trips: AtomicU64,
}

impl Cache {
    /// Prepares the connection. The first command opens it, and a command after a lost
    /// connection opens it again.
    pub fn new(url: &SecretString, metrics: Arc<Metrics>) -> Result<Self, CacheError> {
        const OPERATION: &str = "open_redis_client";
        let client =
            redis::Client::open(url.expose_secret()).map_err(CacheError::redis(OPERATION))?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(Duration::from_millis(50))
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let manager = ConnectionManager::new_lazy_with_config(client, config)
            .map_err(CacheError::redis(OPERATION))?;
        Ok(Self { manager, metrics, round_trips: AtomicU64::new(0) })
    }

    /// Round trips made so far, for tests and the bench.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Fails if Redis does not answer.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        pipe.cmd("PING");
        self.send("ping", &pipe).await.map(drop)
    }

    /// One round trip for commands that may be applied twice.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        pipe: &Pipeline,
    ) -> Result<Vec<Value>, CacheError> {
        self.send_with(operation, pipe, true).await
    }

    /// One round trip. If the connection is lost, Redis may or may not have run the
    /// commands: only if they are `repeatable`, they are sent once more.
    pub(super) async fn send_with(
        &self,
        operation: &'static str,
        pipe: &Pipeline,
        repeatable: bool,
    ) -> Result<Vec<Value>, CacheError> {
        let round_trip = async {
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
        match tokio::time::timeout(TIMEOUT, round_trip).await {
            Ok(values) => values.map_err(CacheError::redis(operation)),
            Err(_) => Err(CacheError::Timeout { operation }),
        }
    }
}

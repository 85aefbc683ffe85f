//! Round trips to Redis. Each has a deadline, and one lost connection never fails it.

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, RedisResult, Value};
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::connection::{SharedConnection, ends_connection};
use super::endpoint::{Endpoint, TIMEOUT};
use super::error::CacheError;
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// Redis, with one method for each operation.
pub struct Cache {
    connection: SharedConnection,
    pub(super) metrics: Arc<Metrics>,
    round_trips: AtomicU64,
}

/// Why one try failed.
enum Failure {
    Timeout,
    Redis(RedisError),
}

impl Failure {
    fn of_operation(self, operation: &'static str) -> CacheError {
        match self {
            Self::Timeout => CacheError::Timeout { operation },
            Self::Redis(error) => CacheError::redis(operation)(error),
        }
    }
}

impl Cache {
    /// Connects with the first operation.
    pub fn new(
        url: &SecretString,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CacheError> {
        let endpoint = Endpoint::new(url).map_err(CacheError::redis("open_redis_client"))?;
        let connection = SharedConnection::new(endpoint, clock);
        Ok(Self { connection, metrics, round_trips: AtomicU64::new(0) })
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

    /// One round trip. If the connection is lost or Redis does not answer in time, the
    /// commands are sent once more on a new connection, so Redis may run them twice.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        pipe: &Pipeline,
    ) -> Result<Vec<Value>, CacheError> {
        match self.try_once(pipe).await {
            Err(Failure::Redis(error)) if !ends_connection(&error) => {
                Err(CacheError::redis(operation)(error))
            }
            Err(_) => self.try_once(pipe).await.map_err(|failure| failure.of_operation(operation)),
            Ok(values) => Ok(values),
        }
    }

    async fn try_once(&self, pipe: &Pipeline) -> Result<Vec<Value>, Failure> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut used = None;
        let exchange = async {
            let (number, connection) = self.connection.get().await?;
            used = Some(number);
            exchange(connection, pipe).await
        };
        let result = match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(result) => result.map_err(Failure::Redis),
            Err(_) => Err(Failure::Timeout),
        };
        let is_lost = match &result {
            Ok(_) => false,
            Err(Failure::Timeout) => true,
            Err(Failure::Redis(error)) => ends_connection(error),
        };
        if is_lost && let Some(number) = used {
            self.connection.discard(number);
        }
        result
    }
}

async fn exchange(
    mut connection: MultiplexedConnection,
    pipe: &Pipeline,
) -> RedisResult<Vec<Value>> {
    let mut commands = pipe.cmd_iter();
    if !pipe.is_transaction()
        && let (Some(command), None) = (commands.next(), commands.next())
    {
        return command.query_async(&mut connection).await.map(|value| vec![value]);
    }
    pipe.query_async(&mut connection).await
}

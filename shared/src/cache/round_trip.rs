//! Round trips to Redis. Each has a deadline, and one lost connection never fails it.

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::address::TIMEOUT;
use super::connect_error::{ConnectError, ends_connection};
use super::connection::SharedConnection;
use super::endpoint::{Connection, Endpoint};
use super::error::CacheError;
use super::eviction::may_evict;
use crate::clock::Clock;
use crate::config::redis::RedisConfig;
use crate::telemetry::Metrics;

/// Redis, with one method for each operation.
pub struct Cache {
    connection: SharedConnection,
    pub(super) metrics: Arc<Metrics>,
    round_trips: AtomicU64,
    is_eviction_checked: AtomicBool,
}

/// Why one try failed.
enum Failure {
    Timeout,
    Connect(ConnectError),
    Redis(RedisError),
}

impl Failure {
    fn of(self, operation: &'static str) -> CacheError {
        match self {
            Self::Timeout => CacheError::Timeout { operation },
            Self::Connect(ConnectError::Redis(error)) | Self::Redis(error) => {
                CacheError::redis(operation)(error)
            }
            Self::Connect(ConnectError::Cloud(source)) => CacheError::Cloud { operation, source },
            Self::Connect(ConnectError::Unknown) => CacheError::Unknown { operation },
            Self::Connect(ConnectError::WithoutTls { variable }) => {
                CacheError::WithoutTls { operation, variable }
            }
        }
    }

    /// Whether the same may succeed on a new connection.
    fn is_loss(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Redis(error) | Self::Connect(ConnectError::Redis(error)) => {
                ends_connection(error)
            }
            Self::Connect(
                ConnectError::Cloud(_) | ConnectError::Unknown | ConnectError::WithoutTls { .. },
            ) => false,
        }
    }
}

impl Cache {
    /// Connects with the first operation.
    pub fn new(
        config: &RedisConfig,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CacheError> {
        let endpoint = Endpoint::new(config, clock.clone());
        let endpoint = endpoint.map_err(CacheError::redis("open_redis_client"))?;
        Ok(Self {
            connection: SharedConnection::new(endpoint, clock, metrics.clone()),
            metrics,
            round_trips: AtomicU64::new(0),
            is_eviction_checked: AtomicBool::new(false),
        })
    }

    /// Round trips made so far, for tests and the bench.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Whether keys of different hash tags are on different nodes. It may change when the cache is
    /// found: an operation asks once.
    pub(super) fn is_cluster(&self) -> bool {
        self.connection.is_cluster()
    }

    /// Fails if Redis does not answer.
    pub async fn ping(&self) -> Result<(), CacheError> {
        self.send("ping", vec![redis::cmd("PING")]).await.map(drop)
    }

    /// One round trip for commands whose keys share a hash tag. If the connection is lost or
    /// Redis does not answer in time, they are sent once more on a new connection, so Redis
    /// may run them twice.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Value>, CacheError> {
        let request = Request::new(commands);
        match self.try_once(&request).await {
            Err(failure) if !failure.is_loss() => Err(failure.of(operation)),
            Err(_) => self.try_once(&request).await.map_err(|failure| failure.of(operation)),
            Ok(values) => Ok(values),
        }
    }

    /// The same for several groups, each with a hash tag of its own. In a cluster, each is a
    /// round trip.
    pub(super) async fn send_groups(
        &self,
        operation: &'static str,
        groups: Vec<Vec<Cmd>>,
    ) -> Result<Vec<Value>, CacheError> {
        if !self.is_cluster() {
            return self.send(operation, groups.into_iter().flatten().collect()).await;
        }
        let mut values = Vec::new();
        for group in groups.into_iter().filter(|group| !group.is_empty()) {
            values.extend(self.send(operation, group).await?);
        }
        Ok(values)
    }

    /// A command that Redis must not run twice: it is not repeated.
    pub(super) async fn send_once(
        &self,
        operation: &'static str,
        command: Cmd,
    ) -> Result<Value, CacheError> {
        let values = self.try_once(&Request::One(command)).await;
        let values = values.map_err(|failure| failure.of(operation))?;
        Ok(values.into_iter().next().unwrap_or(Value::Nil))
    }

    async fn try_once(&self, request: &Request) -> Result<Vec<Value>, Failure> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        self.connection.prepare().await.map_err(Failure::Connect)?;
        let mut used = None;
        let exchange = async {
            let (number, connection) = self.connection.get().await.map_err(Failure::Connect)?;
            used = Some(number);
            let sent = if self.is_eviction_checked.swap(true, Ordering::Relaxed) {
                request.send(connection).await
            } else {
                let check = self.check_eviction(connection.clone());
                tokio::join!(request.send(connection), check).0
            };
            sent.map_err(Failure::Redis)
        };
        let result = tokio::time::timeout(TIMEOUT, exchange).await;
        let result = result.unwrap_or(Err(Failure::Timeout));
        if let Err(failure) = &result
            && failure.is_loss()
        {
            match (used, failure) {
                (Some(number), _) => self.connection.discard(number),
                (None, Failure::Timeout) => self.connection.note_loss(),
                // Noted where it was not opened.
                (None, _) => {}
            }
        }
        result
    }
}

impl Cache {
    /// Limits and codes may vanish from a Redis that evicts keys. Asked once, over the first
    /// connection.
    async fn check_eviction(&self, mut connection: Connection) {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        // Some providers refuse the command.
        let Ok(info) = connection.command(&info).await else { return };
        if let Some(policy) = may_evict(&info) {
            self.metrics.count("auth_redis_evicting_total");
            tracing::warn!(policy, "redis may evict keys: maxmemory-policy is not noeviction");
        }
    }
}

/// What is sent at once.
enum Request {
    One(Cmd),
    Many(Pipeline),
}

impl Request {
    fn new(mut commands: Vec<Cmd>) -> Self {
        if commands.len() == 1
            && let Some(command) = commands.pop()
        {
            return Self::One(command);
        }
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        Self::Many(pipeline)
    }

    async fn send(&self, mut connection: Connection) -> RedisResult<Vec<Value>> {
        match self {
            Self::One(command) => connection.command(command).await.map(|value| vec![value]),
            Self::Many(pipeline) => connection.pipeline(pipeline).await,
        }
    }
}

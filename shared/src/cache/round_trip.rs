//! Round trips to Redis. Each has a deadline, and one lost connection never fails it.

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::connection::{SharedConnection, ends_connection};
use super::endpoint::{Connection, Endpoint, TIMEOUT};
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
    is_cluster: bool,
    is_eviction_checked: AtomicBool,
}

/// Why one try failed.
enum Failure {
    Timeout,
    Redis(RedisError),
}

impl Failure {
    fn of(self, operation: &'static str) -> CacheError {
        match self {
            Self::Timeout => CacheError::Timeout { operation },
            Self::Redis(error) => CacheError::redis(operation)(error),
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
        let endpoint = Endpoint::new(config).map_err(CacheError::redis("open_redis_client"))?;
        Ok(Self {
            is_cluster: endpoint.is_cluster(),
            connection: SharedConnection::new(endpoint, clock),
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

    /// Whether keys of different hash tags are on different nodes.
    pub(super) const fn is_cluster(&self) -> bool {
        self.is_cluster
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
            Err(Failure::Redis(error)) if !ends_connection(&error) => {
                Err(CacheError::redis(operation)(error))
            }
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
        let mut used = None;
        let exchange = async {
            let (number, connection) = self.connection.get().await?;
            used = Some(number);
            if self.is_eviction_checked.swap(true, Ordering::Relaxed) {
                request.send(connection).await
            } else {
                let check = self.check_eviction(connection.clone());
                tokio::join!(request.send(connection), check).0
            }
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

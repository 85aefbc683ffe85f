//! The store: single statements over the pool, and the one loop that repeats what a lost
//! connection or a conflict interrupted. Nothing is connected before the first statement.
//!
//! Every statement and transaction may be repeated: the contract of each is in the method
//! that sends it. Most find their own work by an id that was drawn before the first try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::connect::Connector;
use super::error::{Repeat, StoreError};
use super::pool::{Lease, Pool};
use super::queued::{Unanswered, note_events, note_repeated};
use super::statement::{FromRow, LazyStatement, Parameter, Statement, read_all, row_struct};
use crate::clock::{Clock, Rng};
use crate::config::error::ConfigError;
use crate::config::stores::PostgresConfig;
use crate::telemetry::Metrics;

/// A statement or transaction that takes longer is given up, its repeats included.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);
/// How long a connection that was idle for a while may take for its first work.
const IDLE_DEADLINE: Duration = Duration::from_millis(500);
/// While waiting for a Postgres that does not answer yet.
const BETWEEN_PINGS: Duration = Duration::from_secs(1);
/// Connections that were lost or could not be opened, and were tried anew.
const RECONNECTS: &str = r#"auth_store_reconnects_total{store="postgres"}"#;

static PING_POSTGRES: LazyStatement =
    LazyStatement::new(|| Statement::new("ping_postgres", "SELECT 1 AS alive", Vec::new()));

/// Of the connection on which it runs.
static COUNT_PREPARED: LazyStatement = LazyStatement::new(|| {
    let sql = "SELECT count(*) AS prepared FROM pg_catalog.pg_prepared_statements";
    Statement::new("count_prepared", sql, Vec::new())
});

row_struct! {
    struct PreparedRow { prepared: i64 }
}

pub(super) static STATEMENTS: &[&LazyStatement] = &[&PING_POSTGRES, &COUNT_PREPARED];

/// Postgres, as the functions use it.
pub struct Store {
    pool: Pool,
    rng: Rng,
    metrics: Arc<Metrics>,
    round_trips: AtomicU64,
}

impl Store {
    /// Prepares the pool.
    pub fn new(
        config: &PostgresConfig,
        clock: Clock,
        rng: Rng,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let pool = Pool::new(Connector::new(config)?, config.pool, clock);
        Ok(Self { pool, rng, metrics, round_trips: AtomicU64::new(0) })
    }

    /// Round trips made so far: what the bench counts.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    pub(super) fn count_round_trip(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.execute(&PING_POSTGRES, &[]).await
    }

    /// Waits until Postgres answers, for so long: one that pauses while nobody uses it takes about 15
    /// seconds to resume. For what runs on a schedule; a client is asked to come again.
    pub async fn wait_until_ready(&self, limit: Duration) -> Result<(), StoreError> {
        let began = Instant::now();
        loop {
            match self.ping().await {
                Err(error) if error.is_transient() && began.elapsed() < limit => {
                    tracing::debug!(error = %error, "waiting for postgres");
                    tokio::time::sleep(BETWEEN_PINGS).await;
                }
                result => return result,
            }
        }
    }

    /// How many statements are prepared on the connection that was used last.
    pub async fn prepared_statements(&self) -> Result<i64, StoreError> {
        let row: PreparedRow = self.fetch_one(&COUNT_PREPARED, &[]).await?;
        Ok(row.prepared)
    }

    /// Sends one statement: one round trip, within the deadline.
    ///
    /// A repeat may overtake its own first try, which the server still executes. It then waits for the
    /// rows of that try, but its snapshot is older than what the try commits: it finds neither the
    /// rows as they were nor its own work. So a repeat without rows is executed once more.
    pub(crate) async fn fetch_all<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<R>, StoreError> {
        let bound = &statement.bind(parameters)?;
        let tried = &AtomicBool::new(false);
        let send = |lease: Lease| async move {
            let execute = || async {
                self.count_round_trip();
                let sent = statement.send(lease.connection(statement.name())?, bound);
                Unanswered::new(statement.queues()).until(sent).await
            };
            let is_repeat = tried.swap(true, Ordering::Relaxed);
            let mut rows = execute().await?;
            if is_repeat && rows.is_empty() {
                rows = execute().await?;
            }
            lease.finish();
            Ok(rows)
        };
        let rows = self.run(statement.name(), DEADLINE, send).await?;
        if statement.has_queued(&rows) {
            note_events();
        }
        read_all(&rows)
    }

    /// The same for a statement of which at most one row matters.
    pub(crate) async fn fetch_optional<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<R>, StoreError> {
        Ok(self.fetch_all(statement, parameters).await?.into_iter().next())
    }

    /// The same for a statement that always returns a row.
    pub(crate) async fn fetch_one<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<R, StoreError> {
        statement.one(self.fetch_all(statement, parameters).await?)
    }

    /// The same for a statement whose rows say nothing.
    pub(crate) async fn execute(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<(), StoreError> {
        self.fetch_all::<()>(statement, parameters).await.map(drop)
    }

    /// Runs a statement or transaction on a connection of the pool, within the deadline. A
    /// lost connection or a conflict with another transaction repeats it.
    pub(super) async fn run<T, F>(
        &self,
        name: &'static str,
        deadline: Duration,
        work: impl Fn(Lease) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let timeout = StoreError::Timeout { statement: name };
        let repeating = async {
            let (mut losses, mut conflicts) = (0, 0);
            loop {
                let (result, was_idle) = self.run_once(name, &work).await;
                let Err(error) = result else { return result };
                let is_silent = was_idle && matches!(error, StoreError::Timeout { .. });
                let wait = match error.repeat() {
                    Repeat::Never if !is_silent => None,
                    Repeat::AfterConflict => wait_after_conflict(&mut conflicts),
                    // Lost, with notice or without: so are those that nobody uses.
                    Repeat::Never | Repeat::OnNewConnection => {
                        self.pool.discard_idle();
                        self.metrics.count(RECONNECTS);
                        wait_after_loss(&mut losses)
                    }
                };
                let Some(wait) = wait else { return Err(error) };
                tracing::debug!(statement = name, error = %error, "repeating after a failure");
                if !wait.is_zero() {
                    tokio::time::sleep(self.jitter(wait)).await;
                }
            }
        };
        let result = tokio::time::timeout(deadline, repeating).await.unwrap_or(Err(timeout));
        if result.is_ok() {
            note_repeated();
        }
        result
    }

    /// One try, and whether its connection had been idle for a while.
    async fn run_once<T, F>(
        &self,
        name: &'static str,
        work: &impl Fn(Lease) -> F,
    ) -> (Result<T, StoreError>, bool)
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let lease = match self.pool.acquire(name).await {
            Ok(lease) => lease,
            Err(error) => return (Err(error), false),
        };
        if !lease.was_idle() {
            return (work(lease).await, false);
        }
        let timeout = StoreError::Timeout { statement: name };
        let result = tokio::time::timeout(IDLE_DEADLINE, work(lease)).await;
        (result.unwrap_or(Err(timeout)), true)
    }

    /// Half of the wait to all of it, so that two that met do not meet again.
    fn jitter(&self, wait: Duration) -> Duration {
        wait / 2 + wait.mul_f64(f64::from(self.rng.next_u32()) / f64::from(u32::MAX)) / 2
    }
}

/// The first repeat is sent at once: the server is usually fine. A restart or a failover
/// takes longer.
fn wait_after_loss(losses: &mut u32) -> Option<Duration> {
    *losses += 1;
    match *losses {
        1 => Some(Duration::ZERO),
        2 => Some(Duration::from_millis(100)),
        3 => Some(Duration::from_millis(400)),
        _ => None,
    }
}

fn wait_after_conflict(conflicts: &mut u32) -> Option<Duration> {
    *conflicts += 1;
    (*conflicts <= 5).then(|| Duration::from_millis(10) * *conflicts)
}

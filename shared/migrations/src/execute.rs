//! Executes one file. A statement that waits for a lock makes every later statement of the
//! service on that table wait behind it: it gives up soon, and is repeated after a pause.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::error::{MigrationError, innermost};
use crate::file::{Mode, Script};
use crate::history::Record;
use crate::settings::{Settings, is_repeatable};
use crate::sql::{ConcurrentIndex, Statement};

/// Between two batches passes as much time as the first took, and at least this: half of the
/// database's time stays with the service, and replicas and vacuum keep up.
const MIN_BATCH_PAUSE: Duration = Duration::from_millis(5);
/// How many batches pass before the number of rows is reported.
const BATCHES_PER_REPORT: u64 = 100;

/// What executes files.
pub struct Executor<'a> {
    pub client: Client,
    pub settings: &'a Settings,
    /// Receives what a person who waits wants to know.
    pub report: fn(&str),
}

impl Executor<'_> {
    /// Executes a file and records it. `what` completes "failed to".
    pub async fn execute(
        &mut self,
        what: &str,
        script: &Script,
        record: Record<'_>,
    ) -> Result<(), MigrationError> {
        match script.mode {
            Mode::Transaction => return self.transaction(what, &script.text, record).await,
            Mode::NoTransaction => {
                for statement in &script.statements {
                    self.statement(what, statement).await?;
                }
            }
            Mode::Batches => {
                for statement in &script.statements {
                    self.batches(what, statement).await?;
                }
            }
        }
        let written = record.write(&self.client).await;
        written.map_err(|source| MigrationError::sql(what, source))
    }

    /// The whole file and its record, or nothing.
    async fn transaction(
        &mut self,
        what: &str,
        text: &str,
        record: Record<'_>,
    ) -> Result<(), MigrationError> {
        let Settings { lock_timeout, statement_timeout, .. } = *self.settings;
        self.set_timeouts(what, lock_timeout, statement_timeout).await?;
        for attempt in 1.. {
            let executed = async {
                // Dropped before its end, it rolls back.
                let transaction = self.client.transaction().await?;
                transaction.batch_execute(text).await?;
                record.write(&transaction).await?;
                transaction.commit().await
            };
            let Err(error) = executed.await else { break };
            self.pause(what, attempt, error).await?;
        }
        Ok(())
    }

    /// One statement outside of a transaction. An invalid index, which a failed attempt leaves
    /// behind, is dropped first: IF NOT EXISTS would take it for the index.
    async fn statement(&self, what: &str, statement: &Statement) -> Result<(), MigrationError> {
        let Settings { lock_timeout, concurrent_lock_timeout, .. } = *self.settings;
        let timeout =
            if statement.is_concurrent() { concurrent_lock_timeout } else { lock_timeout };
        // It may run for hours: it must not hold a lock against the service (docs/migrations.md).
        self.set_timeouts(what, timeout, Duration::ZERO).await?;
        let index = statement.concurrent_index();
        for attempt in 1.. {
            let executed = async {
                if let Some(index) = &index {
                    self.drop_invalid(index).await?;
                }
                self.client.batch_execute(statement.text()).await
            };
            let Err(error) = executed.await else { break };
            self.pause(what, attempt, error).await?;
        }
        Ok(())
    }

    async fn drop_invalid(&self, index: &ConcurrentIndex) -> Result<(), tokio_postgres::Error> {
        let query = "SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE i.indrelid = to_regclass($1) AND c.relname = $2 AND NOT i.indisvalid";
        for row in self.client.query(query, &[&index.table, &index.name]).await? {
            let name: String = row.get(0);
            (self.report)(&format!("dropping the invalid index {name}"));
            self.client.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
        }
        Ok(())
    }

    /// The statement, until it changes or returns no row.
    async fn batches(&self, what: &str, statement: &Statement) -> Result<(), MigrationError> {
        let Settings { lock_timeout, statement_timeout, .. } = *self.settings;
        self.set_timeouts(what, lock_timeout, statement_timeout).await?;
        let (walks, mut key, mut total) = (statement.has_after(), None, 0_u64);
        for batch in 1_u64.. {
            let started = Instant::now();
            let (rows, last) = self.batch(what, &statement.after(key.as_deref())).await?;
            if rows == 0 || batch.is_multiple_of(BATCHES_PER_REPORT) {
                (self.report)(&format!("{total} rows in {batch} batches"));
            }
            if rows == 0 {
                break;
            }
            if walks && (last.is_none() || last == key) {
                return Err(MigrationError::NotAdvancing(what.to_owned()));
            }
            (key, total) = (last, total + rows);
            tokio::time::sleep(started.elapsed().max(MIN_BATCH_PAUSE)).await;
        }
        Ok(())
    }

    /// The number of rows, and the first column of the last one that was returned.
    async fn batch(&self, what: &str, sql: &str) -> Result<(u64, Option<String>), MigrationError> {
        for attempt in 1.. {
            match self.client.simple_query(sql).await {
                Err(error) => self.pause(what, attempt, error).await?,
                Ok(messages) => return Ok(count(&messages)),
            }
        }
        Ok((0, None))
    }

    async fn set_timeouts(
        &self,
        what: &str,
        lock: Duration,
        statement: Duration,
    ) -> Result<(), MigrationError> {
        let set = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}",
            lock.as_millis(),
            statement.as_millis()
        );
        let set = self.client.batch_execute(&set).await;
        set.map_err(|source| MigrationError::sql(what, source))
    }

    /// Sleeps after an attempt that failed, or gives up.
    async fn pause(
        &self,
        what: &str,
        attempt: u32,
        error: tokio_postgres::Error,
    ) -> Result<(), MigrationError> {
        let what = what.to_owned();
        if error.code() == Some(&SqlState::QUERY_CANCELED) {
            let seconds = self.settings.statement_timeout.as_secs_f32();
            return Err(MigrationError::Slow { what, seconds });
        }
        if !is_repeatable(&error) {
            return Err(MigrationError::sql(what, error));
        }
        let reason = innermost(&error);
        if attempt >= self.settings.attempts {
            return Err(MigrationError::Locked { what, attempts: attempt, reason });
        }
        (self.report)(&format!("attempt {attempt} to {what} failed: {reason}"));
        tokio::time::sleep(self.settings.pause_after(attempt)).await;
        Ok(())
    }
}

fn count(messages: &[SimpleQueryMessage]) -> (u64, Option<String>) {
    let (mut rows, mut last) = (0, None);
    for message in messages {
        match message {
            SimpleQueryMessage::CommandComplete(count) => rows = *count,
            SimpleQueryMessage::Row(row) => last = row.get(0).map(str::to_owned),
            _ => {}
        }
    }
    (rows, last)
}

//! Writes of several statements: BEGIN goes out with the first statements, and the
//! transaction ends in exactly one way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::Type;

use super::connection::{DEADLINE, Store};
use super::error::StoreError;
use super::pool::{Connection, Lease};
use super::queued::{Unanswered, note_events};
use super::statement::{Bound, FromRow, LazyStatement, Parameter, Row, Statement, read_all};

/// An open transaction. Dropped before it ended, it closes its connection: the server rolls
/// back. Statements that are joined (`tokio::join!` with `biased`) are sent in that order,
/// before the first is answered: one round trip.
pub struct Transaction<'s> {
    name: &'static str,
    store: &'s Store,
    lease: Lease,
    begun: AtomicBool,
    /// A statement failed: Postgres answers COMMIT without an error, and commits nothing.
    failed: AtomicBool,
    /// A statement wrote to the outbox.
    queued: AtomicBool,
}

/// What the work of an ended transaction gives. Only an end makes one, so that no work
/// forgets to end its transaction.
#[derive(Debug)]
pub struct Ended<T>(T);

impl<T> Ended<T> {
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Ended<U> {
        Ended(with(self.0))
    }
}

/// A statement with its parameters.
pub type Query<'q> = (&'static Statement, &'q [Parameter<'q>]);

impl Store {
    /// Runs `work` in a transaction, within the deadline. The name stands in errors. The work
    /// may run again from its beginning: after a lost connection nobody knows whether COMMIT
    /// arrived, so it must recognise its own rows.
    pub(crate) async fn transaction<'s, T, F>(
        &'s self,
        name: &'static str,
        work: impl Fn(Transaction<'s>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<Ended<T>, StoreError>>,
    {
        self.transaction_within(DEADLINE, name, work).await
    }

    /// The same with a deadline of its own, for work that no request depends on. The server ends
    /// statements after its own limit: [`Transaction::extend_time_limit`].
    pub(crate) async fn transaction_within<'s, T, F>(
        &'s self,
        deadline: Duration,
        name: &'static str,
        work: impl Fn(Transaction<'s>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<Ended<T>, StoreError>>,
    {
        let work = &work;
        let begin = |lease: Lease| async move {
            let transaction = Transaction {
                name,
                store: self,
                lease,
                begun: AtomicBool::new(false),
                failed: AtomicBool::new(false),
                queued: AtomicBool::new(false),
            };
            work(transaction).await.map(|Ended(outcome)| outcome)
        };
        self.run(name, deadline, begin).await
    }
}

static EXTEND_TIME_LIMIT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "extend_time_limit",
        "SELECT set_config('statement_timeout', :limit, true) AS statement_timeout",
        [("limit", Type::TEXT)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&EXTEND_TIME_LIMIT];

impl Transaction<'_> {
    /// Lets the server work for so long on each statement of this transaction.
    pub async fn extend_time_limit(&self, limit: Duration) -> Result<(), StoreError> {
        let limit = limit.as_millis().to_string();
        let parameters: &[Parameter<'_>] = &[("limit", &limit)];
        self.fetch_all::<()>(&EXTEND_TIME_LIMIT, parameters).await.map(drop)
    }

    pub async fn fetch_all<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<R>, StoreError> {
        let rows = self.send(statement, &self.bind((statement, parameters))?).await?;
        read_all(&rows)
    }

    /// For a statement of which at most one row matters.
    pub async fn fetch_optional<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<R>, StoreError> {
        Ok(self.fetch_all(statement, parameters).await?.into_iter().next())
    }

    /// For a statement that always returns a row.
    pub async fn fetch_one<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<R, StoreError> {
        statement.one(self.fetch_all(statement, parameters).await?)
    }

    /// Commits. To be called when all statements were answered: a transaction that was given
    /// up before never commits later.
    pub async fn commit<T>(self, outcome: T) -> Result<Ended<T>, StoreError> {
        if self.failed.load(Ordering::Relaxed) {
            let what = "COMMIT after a statement that failed";
            return Err(StoreError::UnexpectedData { statement: self.name, what });
        }
        let unanswered = Unanswered::new(self.queued.load(Ordering::Relaxed));
        unanswered.until(self.end("COMMIT")).await?;
        self.note_commit();
        self.lease.finish();
        Ok(Ended(outcome))
    }

    /// Takes everything back.
    pub async fn rollback<T>(self, outcome: T) -> Result<Ended<T>, StoreError> {
        self.end("ROLLBACK").await?;
        self.lease.finish();
        Ok(Ended(outcome))
    }

    /// Sends a last statement, which only reads, and takes everything back in the same round
    /// trip.
    pub async fn rollback_with<R: FromRow>(
        self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Ended<Vec<R>>, StoreError> {
        let bound = self.bind((statement, parameters))?;
        let (rows, ended) =
            tokio::join!(biased; self.send(statement, &bound), self.end("ROLLBACK"));
        ended?;
        let rows = read_all(&rows?)?;
        self.lease.finish();
        Ok(Ended(rows))
    }

    /// Sends a lock, the statement behind it and COMMIT in one round trip. The statement
    /// sees what was committed while the lock was waited for. A transaction that was given up
    /// may still commit: only for what may be repeated.
    pub async fn commit_with<R: FromRow>(
        self,
        lock: Query<'_>,
        last: Query<'_>,
    ) -> Result<Ended<Vec<R>>, StoreError> {
        // Both before the first is sent: without its lock the statement must not commit.
        let (lock_bound, bound) = (self.bind(lock)?, self.bind(last)?);
        // After a statement that failed, COMMIT ends the transaction and keeps nothing of it.
        let sent = async {
            let (locked, rows, ended) = tokio::join!(
                biased;
                self.send(lock.0, &lock_bound),
                self.send(last.0, &bound),
                self.end("COMMIT"),
            );
            locked?;
            let rows = rows?;
            ended.map(|()| rows)
        };
        let rows = Unanswered::new(last.0.queues()).until(sent).await?;
        self.note_commit();
        self.lease.finish();
        Ok(Ended(read_all(&rows)?))
    }

    fn note_commit(&self) {
        if self.queued.load(Ordering::Relaxed) {
            note_events();
        }
    }

    fn bind<'q>(&self, (statement, parameters): Query<'q>) -> Result<Bound<'q>, StoreError> {
        let bound = statement.bind(parameters);
        self.note(&bound);
        bound
    }

    /// The first statement takes BEGIN along. Nothing is awaited before both are sent.
    async fn send(
        &self,
        statement: &'static Statement,
        bound: &Bound<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection()?;
        let rows = if self.begun.swap(true, Ordering::Relaxed) {
            statement.send(connection, bound).await
        } else {
            let (begun, rows) = tokio::join!(
                biased;
                batch(connection, "BEGIN"),
                statement.send(connection, bound)
            );
            begun.map_err(|error| self.error(error)).and(rows)
        };
        self.note(&rows);
        if rows.as_ref().is_ok_and(|rows| statement.has_queued(rows)) {
            self.queued.store(true, Ordering::Relaxed);
        }
        rows
    }

    async fn end(&self, command: &'static str) -> Result<(), StoreError> {
        let connection = self.connection()?;
        batch(connection, command).await.map_err(|error| self.error(error))
    }

    fn error(&self, error: tokio_postgres::Error) -> StoreError {
        StoreError::Statement { statement: self.name, source: error.into() }
    }

    fn note<T>(&self, result: &Result<T, StoreError>) {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    /// The connection, for a statement that is sent at once. It is a round trip, unless an
    /// earlier statement is still on its way.
    fn connection(&self) -> Result<&Connection, StoreError> {
        let connection = self.lease.connection(self.name)?;
        if !connection.is_waiting() {
            self.store.count_round_trip();
        }
        Ok(connection)
    }
}

async fn batch(connection: &Connection, command: &str) -> Result<(), tokio_postgres::Error> {
    connection.note_sent();
    let result = connection.client().batch_execute(command).await;
    connection.note_answered();
    result
}

//! The pool: at most so many connections to Postgres, each with the statements that it has
//! prepared.
//!
//! An open connection may be dead: a network or a failover need not tell. So a connection
//! that was idle for long is replaced, one that was idle for a while gets little time for its
//! first answer, and every other connection is discarded with one that was lost.
//!
//! See docs/adr/0024-connections-to-postgres-are-pooled-by-our-own-code.md.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::connect::Connector;
use super::error::{PostgresError, StoreError};
use crate::clock::Clock;
use crate::config::stores::MAX_IDLE;

/// A connection that was idle for longer may have been lost without notice.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// What opens connections, and those that are idle. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    connector: Connector,
    clock: Clock,
    places: Arc<Semaphore>,
    /// The last one was used last.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Timestamp,
}

impl Pool {
    pub(super) fn new(connector: Connector, size: usize, clock: Clock) -> Self {
        let places = Arc::new(Semaphore::new(size));
        Self(Arc::new(Inner { connector, clock, places, idle: Mutex::default() }))
    }

    /// A connection for a statement or transaction of that name. Waits for a free place.
    pub(super) async fn acquire(&self, name: &'static str) -> Result<Lease, StoreError> {
        let unreachable = |source| StoreError::Unreachable { statement: name, source };
        let place = self.0.places.clone().acquire_owned().await.map_err(|_| unreachable(None))?;
        let (connection, idle) = if let Some(idle) = self.take_idle() {
            idle
        } else {
            let opened = self.open().await;
            (opened.map_err(|error| unreachable(Some(error)))?, Duration::ZERO)
        };
        let held = Held { connection, _place: place };
        Ok(Lease { pool: self.clone(), was_idle: idle > TRUSTED_IDLE, held: Some(held) })
    }

    /// Closes the connections that nobody uses: they are as old as one that was lost.
    pub(super) fn discard_idle(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<(Connection, Duration)> {
        let now = self.0.clock.now();
        let mut connections = self.idle();
        while let Some(Idle { connection, since }) = connections.pop() {
            let idle = now.since(since);
            if idle <= MAX_IDLE && !connection.client.is_closed() {
                return Some((connection, idle));
            }
        }
        None
    }

    async fn open(&self) -> Result<Connection, PostgresError> {
        let (client, task) = self.0.connector.connect().await?;
        let prepared = self.0.connector.prepares().then(Mutex::default);
        Ok(Connection { client, prepared, task, in_flight: AtomicUsize::new(0) })
    }

    /// Closes a connection, then ends the statement that still runs at the server.
    async fn cancel(&self, mut connection: Connection) {
        let token = connection.client.cancel_token();
        connection.close().await;
        self.0.connector.cancel(token).await;
    }
}

/// An open connection. Dropping it closes the socket.
pub(super) struct Connection {
    client: Client,
    /// By the address of our statement. `None` if nothing may be prepared.
    prepared: Option<Mutex<HashMap<usize, tokio_postgres::Statement>>>,
    task: JoinHandle<()>,
    /// Statements that were sent and not answered.
    in_flight: AtomicUsize,
}

impl Connection {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether statements are prepared on this connection.
    pub(super) fn prepares(&self) -> bool {
        self.prepared.is_some()
    }

    pub(super) fn prepared(&self, key: usize) -> Option<tokio_postgres::Statement> {
        let prepared = self.prepared.as_ref()?;
        prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    pub(super) fn remember(&self, key: usize, statement: tokio_postgres::Statement) {
        if let Some(prepared) = &self.prepared {
            prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(key, statement);
        }
    }

    /// Closes the socket. The client's task would first wait for answers that may never come.
    async fn close(&mut self) {
        self.task.abort();
        // It was cancelled, or has ended.
        let _ = (&mut self.task).await;
    }

    /// Counts a statement as in flight, until [`Self::note_answered`]: for ever, if it is given
    /// up before.
    pub(super) fn note_sent(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_answered(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a statement was sent and not answered.
    pub(super) fn is_waiting(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Held {
    connection: Connection,
    _place: OwnedSemaphorePermit,
}

/// A connection in use. Dropped unfinished, it is closed, not returned: the server then
/// rolls back what is open. A statement that still runs is cancelled.
pub(super) struct Lease {
    pool: Pool,
    was_idle: bool,
    held: Option<Held>,
}

impl Lease {
    /// Whether the connection may have been lost without notice.
    pub(super) fn was_idle(&self) -> bool {
        self.was_idle
    }

    pub(super) fn connection(&self, name: &'static str) -> Result<&Connection, StoreError> {
        let missing = StoreError::Unreachable { statement: name, source: None };
        self.held.as_ref().map(|held| &held.connection).ok_or(missing)
    }

    /// Returns the connection to the pool.
    pub(super) fn finish(mut self) {
        if let Some(Held { connection, _place: place }) = self.held.take() {
            let since = self.pool.0.clock.now();
            self.pool.idle().push(Idle { connection, since });
            drop(place);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let runs = held.connection.is_waiting() && !held.connection.client.is_closed();
        if runs && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let pool = self.pool.clone();
            // The place is free again when the cancellation is over: a server that does not
            // answer never has more connections of ours than the pool is large.
            runtime.spawn(async move {
                let Held { connection, _place: place } = held;
                pool.cancel(connection).await;
                drop(place);
            });
        }
    }
}

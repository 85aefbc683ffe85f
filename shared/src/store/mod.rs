//! Postgres: the truth about accounts, devices, sessions. One concrete store; the SQL of
//! a table family stands in one file beside its row struct.
//!
//! | file | tables |
//! |---|---|
//! | [`users`] | `users_auth` |
//! | [`logins`] | the two transactions that begin a session: all tables at once |
//! | [`sessions`] | `sessions`: refresh, liveness, ends |
//! | [`identities`] | `identity_keys`, `signed_prekeys`, `kyber_last_resort_prekeys`: keys that last |
//! | [`prekeys`] | `prekeys`, `kyber_prekeys`: one-time keys come and wait |
//! | [`bundles`] | the statement that hands them out |
//! | `outbox` | `outbox`, `audit_heads`: the fragments that those statements end with |
//!
//! Every statement goes out with its types (`query_typed`): one round trip, and no
//! named statement that would pin a connection of a proxy.

pub mod bundles;
pub mod identities;
pub mod logins;
mod outbox;
pub mod prekeys;
pub mod sessions;
pub mod users;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{NoTls, Row};

use crate::config::{ConfigError, PostgresConfig};

/// A statement or transaction that takes longer is given up, and its connection with it.
const DEADLINE: Duration = Duration::from_secs(2);

/// A parameter with its type.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// What failed. The text holds no value: Postgres names the row in some messages.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("postgres cannot be reached: {0}")]
    Unreachable(&'static str),
    #[error("postgres did not answer in time")]
    Timeout,
    #[error("postgres refused a statement: {}", state(.0))]
    Statement(#[source] tokio_postgres::Error),
    #[error("a row is not of the expected shape")]
    UnexpectedData,
}

fn state(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || "connection lost".to_owned(),
        |db| format!("{} {}", db.code().code(), db.constraint().unwrap_or_default()),
    )
}

impl StoreError {
    /// The unique constraint that refused, if one did.
    #[must_use]
    pub fn unique_violation(&self) -> Option<&str> {
        match self {
            Self::Statement(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                error.as_db_error().and_then(tokio_postgres::error::DbError::constraint)
            }
            _ => None,
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Statement(error)
    }
}

/// The pool and what is done with it.
pub struct Store {
    pool: Pool,
    round_trips: AtomicU64,
}

impl Store {
    /// Prepares the pool; nothing is connected before the first statement.
    pub fn new(config: &PostgresConfig) -> Result<Self, ConfigError> {
        let invalid = |error| ConfigError { variable: "DATABASE_URL", error };
        let mut postgres: tokio_postgres::Config = config
            .url
            .expose_secret()
            .parse()
            .map_err(|_| invalid("is not an address of Postgres"))?;
        postgres.connect_timeout(DEADLINE).application_name("auth");
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls(&postgres, config.ca.as_deref()).map_err(|_| ConfigError {
            variable: "DATABASE_CA",
            error: "is not PEM certificates",
        })? {
            None => Manager::from_config(postgres, NoTls, manager_config),
            Some(tls) => Manager::from_config(postgres, tls, manager_config),
        };
        let pool = Pool::builder(manager)
            .max_size(config.pool)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(DEADLINE),
                create: Some(DEADLINE),
                recycle: Some(DEADLINE),
            })
            .build()
            .map_err(|_| invalid("does not allow a pool"))?;
        Ok(Self { pool, round_trips: AtomicU64::new(0) })
    }

    /// Round trips made so far: what the bench counts.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.rows("SELECT 1", &[]).await.map(drop)
    }

    async fn connection(&self) -> Result<ConnectionGuard, StoreError> {
        match self.pool.get().await {
            Ok(client) => Ok(ConnectionGuard(Some(client))),
            Err(deadpool_postgres::PoolError::Timeout(_)) => Err(StoreError::Timeout),
            Err(_) => Err(StoreError::Unreachable("no connection")),
        }
    }

    /// One statement, one round trip, within the deadline.
    async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.rows_within(DEADLINE, sql, params).await
    }

    /// The same for what nobody waits for.
    async fn rows_within(
        &self,
        deadline: Duration,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        within(deadline, async {
            let connection = self.connection().await?;
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            let rows = connection.client()?.query_typed(sql, params).await;
            connection.finish();
            Ok(rows?)
        })
        .await
    }

    /// A statement behind a lock, in one round trip: it sees what was committed while the
    /// lock was waited for. Given up half-way it may still come true: for what may be
    /// repeated.
    async fn locked(
        &self,
        (lock, lock_params): (&str, &[Param<'_>]),
        (sql, params): (&str, &[Param<'_>]),
    ) -> Result<Vec<Row>, StoreError> {
        with_timeout(async {
            let connection = self.connection().await?;
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            let client = connection.client()?;
            // All are on their way, in this order, before the first is answered. After one
            // that failed, COMMIT ends the transaction and keeps nothing of it.
            let (begun, locked, rows, ended) = tokio::join!(
                client.batch_execute("BEGIN"),
                client.query_typed(lock, lock_params),
                client.query_typed(sql, params),
                client.batch_execute("COMMIT"),
            );
            begun?;
            locked?;
            let rows = rows?;
            ended?;
            connection.finish();
            Ok(rows)
        })
        .await
    }
}

/// Gives up what takes too long, waiting for a connection included; a connection that is
/// at work closes with it.
async fn with_timeout<T>(
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    within(DEADLINE, work).await
}

async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(deadline, work).await.unwrap_or(Err(StoreError::Timeout))
}

/// A checked-out connection that is closed, not returned, when dropped unfinished: the
/// server then rolls back whatever was open.
pub(crate) struct ConnectionGuard(Option<Object>);

impl ConnectionGuard {
    pub(crate) fn client(&self) -> Result<&Object, StoreError> {
        self.0.as_ref().ok_or(StoreError::UnexpectedData)
    }

    /// Returns the connection to the pool.
    pub(crate) fn finish(mut self) {
        drop(self.0.take());
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// TLS for a Postgres address, verified against the public authorities and `ca` (PEM);
/// none where the address wants none.
pub fn tls(
    postgres: &tokio_postgres::Config,
    ca: Option<&str>,
) -> Result<Option<tokio_postgres_rustls::MakeRustlsConnect>, StoreError> {
    if postgres.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(pem) = ca {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.ok().map(|certificate| roots.add(certificate));
            if !matches!(added, Some(Ok(()))) {
                return Err(StoreError::Unreachable("DATABASE_CA is not PEM certificates"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| StoreError::Unreachable("TLS is not available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
}

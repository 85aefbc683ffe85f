//! The store: a pool of connections, and single statements over it. Nothing is connected
//! before the first statement.

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};

use super::error::StoreError;
use super::statement::{FromRow, LazyStatement, Parameter, Statement, read_all};
use crate::config::error::ConfigError;
use crate::config::stores::PostgresConfig;

/// A statement or transaction that takes longer is given up, and its connection with it.
const DEADLINE: Duration = Duration::from_secs(2);

static PING_POSTGRES: LazyStatement =
    LazyStatement::new(|| Statement::new("ping_postgres", "SELECT 1 AS alive", Vec::new()));

pub(super) static STATEMENTS: &[&LazyStatement] = &[&PING_POSTGRES];

/// Postgres, as the functions use it.
pub struct Store {
    pool: Pool,
    round_trips: AtomicU64,
}

impl Store {
    /// Prepares the pool.
    pub fn new(config: &PostgresConfig) -> Result<Self, ConfigError> {
        let invalid = |error| ConfigError { variable: "DATABASE_URL", error };
        let mut postgres: tokio_postgres::Config = config
            .url
            .expose_secret()
            .parse()
            .map_err(|_| invalid("is not an address of Postgres"))?;
        postgres.connect_timeout(DEADLINE).application_name("auth");
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls(&postgres, config.ca.as_deref())? {
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

    pub(super) fn count_round_trip(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.execute(&PING_POSTGRES, &[]).await
    }

    /// A connection for a statement or transaction of that name.
    pub(super) async fn connect(&self, name: &'static str) -> Result<ConnectionGuard, StoreError> {
        match self.pool.get().await {
            Ok(client) => Ok(ConnectionGuard { name, client: Some(client) }),
            Err(PoolError::Timeout(_)) => Err(StoreError::Timeout { statement: name }),
            Err(PoolError::Backend(error)) => {
                Err(StoreError::Unreachable { statement: name, source: Some(error.into()) })
            }
            Err(_) => Err(StoreError::Unreachable { statement: name, source: None }),
        }
    }

    /// Sends one statement: one round trip, within the deadline.
    pub(crate) async fn fetch_all<R: FromRow>(
        &self,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<R>, StoreError> {
        self.fetch_all_within(DEADLINE, statement, parameters).await
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

    /// The same with a deadline of its own, for work that no request depends on.
    pub(crate) async fn fetch_all_within<R: FromRow>(
        &self,
        deadline: Duration,
        statement: &'static Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<R>, StoreError> {
        let bound = statement.bind(parameters)?;
        let rows = within(deadline, statement.name(), async {
            let connection = self.connect(statement.name()).await?;
            self.count_round_trip();
            let rows = statement.send(connection.client()?, &bound).await;
            connection.finish();
            rows
        });
        read_all(&rows.await?)
    }
}

/// Gives up what takes too long, the wait for a connection included. A connection that is
/// in use closes with it.
pub(super) async fn with_timeout<T>(
    name: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    within(DEADLINE, name, work).await
}

async fn within<T>(
    deadline: Duration,
    name: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let timeout = StoreError::Timeout { statement: name };
    tokio::time::timeout(deadline, work).await.unwrap_or(Err(timeout))
}

/// A checked-out connection that is closed, not returned, when dropped unfinished: the
/// server then rolls back whatever was open.
pub(super) struct ConnectionGuard {
    name: &'static str,
    client: Option<Object>,
}

impl ConnectionGuard {
    pub(super) fn client(&self) -> Result<&Client, StoreError> {
        let missing = StoreError::Unreachable { statement: self.name, source: None };
        self.client.as_ref().map(|client| -> &Client { client }).ok_or(missing)
    }

    /// Returns the connection to the pool.
    pub(super) fn finish(mut self) {
        drop(self.client.take());
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

/// TLS for a Postgres address, verified against the public authorities and `ca` (PEM);
/// none where the address disables it.
pub fn tls(
    postgres: &tokio_postgres::Config,
    ca: Option<&str>,
) -> Result<Option<tokio_postgres_rustls::MakeRustlsConnect>, ConfigError> {
    let invalid = |error| ConfigError { variable: "DATABASE_CA", error };
    if postgres.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(pem) = ca {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.ok().map(|certificate| roots.add(certificate));
            if !matches!(added, Some(Ok(()))) {
                return Err(invalid("is not PEM certificates"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| invalid("cannot be used: TLS is not available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
}

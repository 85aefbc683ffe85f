//! Opens connections to Postgres: each asks for the newest login, and resolves the host anew.

use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::PostgresError;
use super::tls::tls;
use crate::config::database::DatabaseAddress;
use crate::config::error::ConfigError;
use crate::config::stores::PostgresConfig;

/// How long one address of the host may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long to wait for the cancellation of a statement, which holds a place in the pool.
const CANCEL_LIMIT: Duration = Duration::from_millis(500);
/// The server ends what nobody waits for any more, and connections of sandboxes that sleep: an Aurora that
/// may pause waits until none is open. The pool replaces those of five minutes
/// ([`crate::config::stores::MAX_IDLE`]). These are parameters of the connection, so that they hold for any
/// role; a proxy that refuses them needs them on the role.
const SERVER_LIMITS: &str = "-c statement_timeout=2s \
    -c idle_in_transaction_session_timeout=1s \
    -c idle_session_timeout=5min \
    -c client_connection_check_interval=500ms \
    -c plan_cache_mode=force_generic_plan";

pub(super) struct Connector {
    address: DatabaseAddress,
    tls: Option<MakeRustlsConnect>,
    prepares: bool,
}

impl Connector {
    pub(super) fn new(config: &PostgresConfig) -> Result<Self, ConfigError> {
        let PostgresConfig { address, ca, prepares, .. } = config;
        let first = settings(&address.url(), *prepares).ok_or(ConfigError {
            variable: "DATABASE_URL",
            error: "is not an address of Postgres",
        })?;
        let tls = tls(&first, ca.as_deref())?;
        Ok(Self { address: address.clone(), tls, prepares: *prepares })
    }

    /// Whether statements are prepared by name.
    pub(super) const fn prepares(&self) -> bool {
        self.prepares
    }

    /// Connects. If Postgres refuses the login, its secret is loaded again, once: the password
    /// was changed.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), PostgresError> {
        let url = self.address.connection_url().await?;
        match self.connect_to(&url).await {
            Err(error) if is_refused_login(&error) => {
                let address = self.address.clone();
                // A caller that gives up does not end it: the next one gains by it.
                let refreshed = tokio::spawn(async move { address.refresh(&url).await });
                if !refreshed.await.unwrap_or(false) {
                    return Err(error.into());
                }
                let url = self.address.connection_url().await?;
                Ok(self.connect_to(&url).await?)
            }
            result => Ok(result?),
        }
    }

    async fn connect_to(
        &self,
        url: &SecretString,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        // A refreshed secret was parsed when it was loaded.
        let config = match settings(url, self.prepares) {
            Some(config) => config,
            None => url.expose_secret().parse()?,
        };
        Ok(match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
        })
    }

    /// Ends the statement that runs on a connection. It is a courtesy to the server, whose own
    /// time-out ends the statement otherwise.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let _ = match &self.tls {
            None => tokio::time::timeout(CANCEL_LIMIT, token.cancel_query(NoTls)).await,
            Some(tls) => tokio::time::timeout(CANCEL_LIMIT, token.cancel_query(tls.clone())).await,
        };
    }
}

fn settings(url: &SecretString, prepares: bool) -> Option<Config> {
    let mut config: Config = url.expose_secret().parse().ok()?;
    config
        .connect_timeout(CONNECT_LIMIT)
        .application_name("auth")
        .tcp_user_timeout(CONNECT_LIMIT)
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3);
    if prepares {
        let given = config.get_options().map(|options| format!("{options} "));
        config.options(given.unwrap_or_default() + SERVER_LIMITS);
    }
    Some(config)
}

fn is_refused_login(error: &tokio_postgres::Error) -> bool {
    let refused = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
    error.code().is_some_and(|code| refused.contains(code))
}

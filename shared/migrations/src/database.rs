//! Connections to the database that is migrated. It is reached directly: a proxy or pooler
//! between would not keep the session, to which locks and time-outs belong.

use shared::store::tls;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::error::{MigrationError, innermost};

/// The database to migrate.
#[derive(Clone, Copy, Debug)]
pub struct Database<'a> {
    pub url: &'a str,
    /// The certificate authority to trust, as PEM; `None` trusts the public ones.
    pub ca: Option<&'a str>,
}

impl<'a> From<&'a str> for Database<'a> {
    fn from(url: &'a str) -> Self {
        Self { url, ca: None }
    }
}

impl<'a> From<&'a String> for Database<'a> {
    fn from(url: &'a String) -> Self {
        Self::from(url.as_str())
    }
}

/// Creates the database that the URL names, unless it exists.
pub async fn create_database(database: impl Into<Database<'_>>) -> Result<(), MigrationError> {
    let Database { url, ca } = database.into();
    let mut config: Config = url.parse().map_err(MigrationError::Url)?;
    let Some(name) = config.get_dbname().map(str::to_owned) else {
        return Ok(());
    };
    config.dbname("postgres");
    let client = connect_to(&config, ca).await?;
    let created =
        client.batch_execute(&format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))).await;
    match created {
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
        created => created
            .map_err(|source| MigrationError::sql(format!("create the database {name}"), source)),
    }
}

pub async fn connect(Database { url, ca }: Database<'_>) -> Result<Client, MigrationError> {
    connect_to(&url.parse().map_err(MigrationError::Url)?, ca).await
}

async fn connect_to(config: &Config, ca: Option<&str>) -> Result<Client, MigrationError> {
    let failed = |source| MigrationError::Connect { reason: innermost(&source), source };
    // A broken connection fails the call that uses it.
    if let Some(tls) = tls(config, ca).map_err(MigrationError::Tls)? {
        let (client, connection) = config.connect(tls).await.map_err(failed)?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    tokio::spawn(connection);
    Ok(client)
}

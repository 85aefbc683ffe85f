//! Applies and reverts the numbered SQL files of migrations/.
//!
//! `V0001__name.sql` applies a migration and `V0001__name.down.sql` reverts it. refinery
//! applies them and keeps the history. It takes no lock and cannot revert, so this crate adds
//! both (docs/adr/0019-migrations-can-be-reverted.md). The files are read at run
//! time, so a new file needs no build.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use refinery::Runner;
use shared::store::tls;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// refinery's history table, schema-qualified because the search path is not ours.
const HISTORY: &str = "public.schema_migrations";
/// The key of the advisory lock: any number, but the same in every version of this program.
const LOCK: i64 = 0x6d69_6772_6174_6501;

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("the database URL cannot be parsed")]
    Url(#[source] tokio_postgres::Error),
    #[error("failed to connect to Postgres: {reason}")]
    Connect {
        reason: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error(transparent)]
    Tls(shared::config::ConfigError),
    #[error("failed to {what}: {reason}")]
    Sql {
        what: String,
        reason: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("failed to apply the migrations: {reason}")]
    Run {
        reason: String,
        #[source]
        source: Box<refinery::Error>,
    },
    #[error("failed to read the migrations in {}: {source}", folder.display())]
    Read { folder: PathBuf, source: Box<refinery::Error> },
    #[error("failed to use {}: {source}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error("a migration's name consists of a-z, 0-9 and _: {0:?} does not")]
    Name(String),
}

/// One migration, found in the folder, in the database, or in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub version: i32,
    pub name: String,
    /// When it was applied (RFC 3339); `None` while it is pending.
    pub applied_on: Option<String>,
}

impl std::fmt::Display for Migration {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "V{:04}__{}", self.version, self.name)
    }
}

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

/// Applies the pending migrations and returns them, oldest first. Concurrent runs wait for
/// each other; the later ones find nothing pending.
pub async fn run(database: impl Into<Database<'_>>) -> Result<Vec<Migration>, MigrationError> {
    run_from(&folder(), database.into()).await
}

/// Reverts the newest applied migration and returns it; `None` if none is applied.
pub async fn revert(
    database: impl Into<Database<'_>>,
) -> Result<Option<Migration>, MigrationError> {
    revert_from(&folder(), database.into()).await
}

/// All migrations, applied and pending, oldest first.
pub async fn status(database: impl Into<Database<'_>>) -> Result<Vec<Migration>, MigrationError> {
    status_from(&folder(), database.into()).await
}

/// Writes both files of a new migration and returns their paths.
pub fn create(name: &str) -> Result<[PathBuf; 2], MigrationError> {
    create_in(&folder(), name)
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
        created => created.map_err(|source| sql(format!("create the database {name}"), source)),
    }
}

fn folder() -> PathBuf {
    // shared/migrations is two folders below the root. A checkout that moves is built again.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).join("migrations")
}

async fn run_from(folder: &Path, database: Database<'_>) -> Result<Vec<Migration>, MigrationError> {
    let mut runner = Runner::new(&files(folder)?);
    runner.set_migration_table_name(HISTORY);
    let mut client = connect(database).await?;
    lock(&client).await?;
    let report = runner.run_async(&mut client).await.map_err(|source| MigrationError::Run {
        reason: innermost(&source),
        source: Box::new(source),
    })?;
    Ok(report.applied_migrations().iter().map(Migration::from).collect())
}

async fn revert_from(
    folder: &Path,
    database: Database<'_>,
) -> Result<Option<Migration>, MigrationError> {
    let mut client = connect(database).await?;
    lock(&client).await?;
    let Some(newest) = applied(&client).await?.pop() else {
        return Ok(None);
    };
    let file = folder.join(format!("{newest}.down.sql"));
    let down = fs::read_to_string(&file).map_err(|source| MigrationError::File { file, source })?;
    let failed = |source| sql(format!("revert {newest}"), source);
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(&down).await.map_err(failed)?;
    let delete = format!("DELETE FROM {HISTORY} WHERE version = $1");
    transaction.execute(&delete, &[&newest.version]).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(Some(newest))
}

async fn status_from(
    folder: &Path,
    database: Database<'_>,
) -> Result<Vec<Migration>, MigrationError> {
    let client = connect(database).await?;
    let mut all: BTreeMap<i32, Migration> =
        files(folder)?.iter().map(|file| (file.version(), Migration::from(file))).collect();
    for migration in applied(&client).await? {
        all.insert(migration.version, migration);
    }
    Ok(all.into_values().collect())
}

fn create_in(folder: &Path, name: &str) -> Result<[PathBuf; 2], MigrationError> {
    let plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(MigrationError::Name(name.to_owned()));
    }
    let version = files(folder)?.last().map_or(0, refinery::Migration::version) + 1;
    let stem = format!("V{version:04}__{name}");
    let files = [format!("{stem}.sql"), format!("{stem}.down.sql")].map(|file| folder.join(file));
    let texts = [
        "-- What changes. The release before this one must still run on it.\n",
        "-- Reverts it.\n",
    ];
    for (file, text) in files.iter().zip(texts) {
        fs::write(file, text)
            .map_err(|source| MigrationError::File { file: file.clone(), source })?;
    }
    Ok(files)
}

/// The files that apply a migration, by number. refinery's pattern excludes `.down.sql`.
fn files(folder: &Path) -> Result<Vec<refinery::Migration>, MigrationError> {
    refinery::load_sql_migrations(folder).map_err(|source| MigrationError::Read {
        folder: folder.to_owned(),
        source: Box::new(source),
    })
}

/// The history table, oldest first; empty before the first run.
async fn applied(client: &Client) -> Result<Vec<Migration>, MigrationError> {
    let query = format!("SELECT version, name, applied_on FROM {HISTORY} ORDER BY version");
    match client.query(&query, &[]).await {
        Ok(rows) => Ok(rows
            .iter()
            .map(|row| Migration { version: row.get(0), name: row.get(1), applied_on: row.get(2) })
            .collect()),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
        Err(source) => Err(sql("read the history of migrations".to_owned(), source)),
    }
}

/// Excludes other runs until the connection closes.
async fn lock(client: &Client) -> Result<(), MigrationError> {
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map(|_| ())
        .map_err(|source| sql("take the lock".to_owned(), source))
}

async fn connect(Database { url, ca }: Database<'_>) -> Result<Client, MigrationError> {
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

/// tokio-postgres prints only "db error"; the message of the database is in its source.
fn sql(what: String, source: tokio_postgres::Error) -> MigrationError {
    MigrationError::Sql { what, reason: innermost(&source), source }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl From<&refinery::Migration> for Migration {
    fn from(migration: &refinery::Migration) -> Self {
        Self {
            version: migration.version(),
            name: migration.name().to_owned(),
            applied_on: migration.applied_on().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stores::{Options, Postgres};

    #[tokio::test]
    async fn concurrent_runs_apply_once_and_revert_restores()
    -> Result<(), Box<dyn std::error::Error>> {
        let postgres = Postgres::start(&Options::ephemeral())?;
        let url = postgres.url("trial");
        let database = Database::from(&url);
        create_database(&url).await?;
        create_database(&url).await?;

        let folder = std::env::temp_dir().join(format!("migrations-{}", postgres.port()));
        fs::create_dir(&folder)?;
        let [up, down] = create_in(&folder, "first")?;
        assert!(up.ends_with("V0001__first.sql") && down.ends_with("V0001__first.down.sql"));
        fs::write(up, "CREATE SCHEMA a; CREATE TABLE a.one (id int);")?;
        fs::write(down, "DROP SCHEMA a CASCADE;")?;
        let [up, _] = create_in(&folder, "second")?;
        fs::write(up, "CREATE TABLE a.two (id int);")?;
        assert!(matches!(create_in(&folder, "No name"), Err(MigrationError::Name(_))));

        let pending = status_from(&folder, database).await?;
        assert!(pending.len() == 2 && pending.iter().all(|one| one.applied_on.is_none()));
        let (one, two) = tokio::join!(run_from(&folder, database), run_from(&folder, database));
        assert_eq!(one?.len() + two?.len(), 2);
        let done = status_from(&folder, database).await?;
        assert!(done.len() == 2 && done.iter().all(|one| one.applied_on.is_some()));

        // A revert that fails changes nothing.
        let down_file = folder.join("V0002__second.down.sql");
        fs::write(&down_file, "DROP TABLE a.two; DROP TABLE a.three;")?;
        let refused = revert_from(&folder, database).await.err().ok_or("the revert succeeded")?;
        assert!(refused.to_string().contains("a.three") || refused.to_string().contains("three"));
        fs::write(&down_file, "DROP TABLE a.two;")?;
        for name in ["second", "first"] {
            let reverted = revert_from(&folder, database).await?;
            assert_eq!(reverted.map(|one| one.name).as_deref(), Some(name));
        }
        assert_eq!(revert_from(&folder, database).await?, None);
        assert_eq!(run_from(&folder, database).await?.len(), 2);
        fs::remove_dir_all(&folder)?;
        Ok(())
    }
}

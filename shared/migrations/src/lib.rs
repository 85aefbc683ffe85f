//! The numbered SQL files of migrations/, up and back.
//!
//! `V0001__name.sql` goes up and `V0001__name.down.sql` goes back. refinery
//! runs the way up and keeps the history; it takes no lock and knows no way
//! back, so both are added here. The files are read when they are needed: one
//! that was written a moment ago counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use refinery::Runner;
use shared::store::tls;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// refinery's history, by its full name: a search path may say anything.
const HISTORY: &str = "public.schema_migrations";
/// Any number will do, as long as every version of this program takes the same.
const LOCK: i64 = 0x6d69_6772_6174_6501;

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("the address of the database cannot be understood")]
    Address(#[source] tokio_postgres::Error),
    #[error("Postgres cannot be reached: {reason}")]
    Connect {
        reason: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error(transparent)]
    Tls(shared::config::ConfigError),
    #[error("{what} failed: {reason}")]
    Sql {
        what: String,
        reason: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("the migrations could not be run: {reason}")]
    Run {
        reason: String,
        #[source]
        source: Box<refinery::Error>,
    },
    #[error("the migrations in {} cannot be read: {source}", folder.display())]
    Read { folder: PathBuf, source: Box<refinery::Error> },
    #[error("{} cannot be used: {source}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error("a migration's name is made of a-z, 0-9 and _, but not {0:?}")]
    Name(String),
}

/// One migration: in the folder, in the database, or (as it should be) in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub version: i32,
    pub name: String,
    /// When it was applied, RFC 3339; none while it is pending.
    pub applied_on: Option<String>,
}

impl std::fmt::Display for Migration {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "V{:04}__{}", self.version, self.name)
    }
}

/// Applies what is pending and tells it, oldest first. Others who run at the
/// same time wait and find nothing to do.
pub async fn run(url: &str) -> Result<Vec<Migration>, MigrationError> {
    run_from(&folder(), url).await
}

/// Takes the newest applied migration back and tells which; none if none is applied.
pub async fn revert(url: &str) -> Result<Option<Migration>, MigrationError> {
    revert_from(&folder(), url).await
}

/// All migrations, applied and pending, oldest first.
pub async fn status(url: &str) -> Result<Vec<Migration>, MigrationError> {
    status_from(&folder(), url).await
}

/// Writes both files of a new migration and tells where they are.
pub fn create(name: &str) -> Result<[PathBuf; 2], MigrationError> {
    create_in(&folder(), name)
}

/// Makes the database of this address unless it is there.
pub async fn create_database(url: &str) -> Result<(), MigrationError> {
    let mut config: Config = url.parse().map_err(MigrationError::Address)?;
    let Some(name) = config.get_dbname().map(str::to_owned) else {
        return Ok(());
    };
    config.dbname("postgres");
    let client = connect_to(&config).await?;
    let made =
        client.batch_execute(&format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))).await;
    match made {
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
        made => made.map_err(|source| sql(format!("making the database {name}"), source)),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations")
}

async fn run_from(folder: &Path, url: &str) -> Result<Vec<Migration>, MigrationError> {
    let mut runner = Runner::new(&files(folder)?);
    runner.set_migration_table_name(HISTORY);
    let mut client = connect(url).await?;
    lock(&client).await?;
    let report = runner.run_async(&mut client).await.map_err(|source| MigrationError::Run {
        reason: innermost(&source),
        source: Box::new(source),
    })?;
    Ok(report.applied_migrations().iter().map(Migration::from).collect())
}

async fn revert_from(folder: &Path, url: &str) -> Result<Option<Migration>, MigrationError> {
    let mut client = connect(url).await?;
    lock(&client).await?;
    let Some(newest) = applied(&client).await?.pop() else {
        return Ok(None);
    };
    let file = folder.join(format!("{newest}.down.sql"));
    let way_back =
        fs::read_to_string(&file).map_err(|source| MigrationError::File { file, source })?;
    let failed = |source| sql(format!("going back from {newest}"), source);
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(&way_back).await.map_err(failed)?;
    let forget = format!("DELETE FROM {HISTORY} WHERE version = $1");
    transaction.execute(&forget, &[&newest.version]).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(Some(newest))
}

async fn status_from(folder: &Path, url: &str) -> Result<Vec<Migration>, MigrationError> {
    let client = connect(url).await?;
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
        "-- The way back.\n",
    ];
    for (file, text) in files.iter().zip(texts) {
        fs::write(file, text)
            .map_err(|source| MigrationError::File { file: file.clone(), source })?;
    }
    Ok(files)
}

/// The files that go up, by number. refinery's own pattern leaves `.down.sql` out.
fn files(folder: &Path) -> Result<Vec<refinery::Migration>, MigrationError> {
    refinery::load_sql_migrations(folder).map_err(|source| MigrationError::Read {
        folder: folder.to_owned(),
        source: Box::new(source),
    })
}

/// What the database's history holds, oldest first; nothing before the first run.
async fn applied(client: &Client) -> Result<Vec<Migration>, MigrationError> {
    let query = format!("SELECT version, name, applied_on FROM {HISTORY} ORDER BY version");
    match client.query(&query, &[]).await {
        Ok(rows) => Ok(rows
            .iter()
            .map(|row| Migration { version: row.get(0), name: row.get(1), applied_on: row.get(2) })
            .collect()),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
        Err(source) => Err(sql("reading the history of migrations".to_owned(), source)),
    }
}

/// Holds others back until the connection ends.
async fn lock(client: &Client) -> Result<(), MigrationError> {
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map(|_| ())
        .map_err(|source| sql("waiting for the lock".to_owned(), source))
}

async fn connect(url: &str) -> Result<Client, MigrationError> {
    connect_to(&url.parse().map_err(MigrationError::Address)?).await
}

async fn connect_to(config: &Config) -> Result<Client, MigrationError> {
    let failed = |source| MigrationError::Connect { reason: innermost(&source), source };
    let ca = std::env::var("DATABASE_CA").ok().filter(|ca| !ca.trim().is_empty());
    // A broken connection is told by the call that needs it.
    if let Some(tls) = tls(config, ca.as_deref()).map_err(MigrationError::Tls)? {
        let (client, connection) = config.connect(tls).await.map_err(failed)?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    tokio::spawn(connection);
    Ok(client)
}

/// tokio-postgres says only "db error"; what the database said is inside.
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
    async fn up_at_once_and_back() -> Result<(), Box<dyn std::error::Error>> {
        let postgres = Postgres::start(&Options::ephemeral())?;
        let url = postgres.url("trial");
        create_database(&url).await?;
        create_database(&url).await?;

        let folder = std::env::temp_dir().join(format!("local-migrations-{}", postgres.port()));
        fs::create_dir(&folder)?;
        let [up, down] = create_in(&folder, "first")?;
        assert!(up.ends_with("V0001__first.sql") && down.ends_with("V0001__first.down.sql"));
        fs::write(up, "CREATE SCHEMA a; CREATE TABLE a.one (id int);")?;
        fs::write(down, "DROP SCHEMA a CASCADE;")?;
        let [up, _] = create_in(&folder, "second")?;
        fs::write(up, "CREATE TABLE a.two (id int);")?;
        assert!(matches!(create_in(&folder, "No name"), Err(MigrationError::Name(_))));

        let pending = status_from(&folder, &url).await?;
        assert!(pending.len() == 2 && pending.iter().all(|one| one.applied_on.is_none()));
        let (one, two) = tokio::join!(run_from(&folder, &url), run_from(&folder, &url));
        assert_eq!(one?.len() + two?.len(), 2);
        let done = status_from(&folder, &url).await?;
        assert!(done.len() == 2 && done.iter().all(|one| one.applied_on.is_some()));

        // A way back that fails takes nothing back.
        let back = folder.join("V0002__second.down.sql");
        fs::write(&back, "DROP TABLE a.two; DROP TABLE a.three;")?;
        let refused = revert_from(&folder, &url).await.err().ok_or("went back")?;
        assert!(refused.to_string().contains("a.three") || refused.to_string().contains("three"));
        fs::write(&back, "DROP TABLE a.two;")?;
        for name in ["second", "first"] {
            let reverted = revert_from(&folder, &url).await?;
            assert_eq!(reverted.map(|one| one.name).as_deref(), Some(name));
        }
        assert_eq!(revert_from(&folder, &url).await?, None);
        assert_eq!(run_from(&folder, &url).await?.len(), 2);
        fs::remove_dir_all(&folder)?;
        Ok(())
    }
}

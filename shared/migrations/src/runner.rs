//! Runs migrations: one run at a time, in order, and none whose applied file has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_postgres::Client;

use crate::database::{Database, connect};
use crate::error::MigrationError;
use crate::execute::Executor;
use crate::file::{MigrationFile, PackedFile, create, read_folder, read_packed, read_script};
use crate::history::{Applied, Migration, Record, applied, create_table, refuse_unknown};
use crate::roles::grant_functions;
use crate::settings::Settings;

/// The key of the advisory lock: any number, but the same in every version of this program.
const LOCK: i64 = 0x6d69_6772_6174_6501;

/// Applies and reverts the migrations of a folder.
#[derive(Clone, Debug)]
pub struct Runner {
    /// Where the files are.
    pub folder: PathBuf,
    /// The files of a build, in place of the folder.
    pub packed: Option<&'static [PackedFile]>,
    pub settings: Settings,
    /// Whether migrations may be applied that are later than all files: the release before runs
    /// on them (docs/migrations.md, rule 1), and is deployed again to roll back.
    pub accepts_later: bool,
    /// The role of the functions, which is created and may then read and write rows.
    pub functions_role: Option<String>,
    /// Receives what a person who waits wants to know.
    pub report: fn(&str),
}

impl Runner {
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            packed: None,
            settings: Settings::default(),
            accepts_later: false,
            functions_role: None,
            report: |_| (),
        }
    }

    /// Applies the pending migrations and returns them, oldest first. Concurrent runs wait for
    /// each other; the later ones find nothing pending.
    pub async fn run(
        &self,
        database: impl Into<Database<'_>>,
    ) -> Result<Vec<Migration>, MigrationError> {
        let files = self.files()?;
        let mut executor = self.locked(database.into()).await?;
        let applied = applied(&executor.client).await?;
        refuse_unknown(&executor.client, &applied).await?;
        let pending = pending(files, &applied, self.accepts_later)?;
        create_table(&executor.client).await?;
        let mut done = Vec::with_capacity(pending.len());
        for file in &pending {
            let what = format!("apply {file}");
            (self.report)(&what);
            executor.execute(&what, &file.up, Record::Applied(file)).await?;
            done.push(Migration::from(file));
        }
        if let Some(role) = &self.functions_role {
            (self.report)(&format!("grant the rights of {role}"));
            grant_functions(&mut executor.client, role).await?;
        }
        unlock(&executor.client).await?;
        Ok(done)
    }

    /// Reverts the newest applied migration and returns it; `None` if none is applied.
    pub async fn revert(
        &self,
        database: impl Into<Database<'_>>,
    ) -> Result<Option<Migration>, MigrationError> {
        let mut executor = self.locked(database.into()).await?;
        let newest = applied(&executor.client).await?.pop().map(|newest| newest.migration);
        if let Some(newest) = &newest {
            let down = read_script(&self.folder, self.packed, &format!("{newest}.down.sql"))?;
            let what = format!("revert {newest}");
            (self.report)(&what);
            executor.execute(&what, &down, Record::Reverted(newest)).await?;
        }
        unlock(&executor.client).await?;
        Ok(newest)
    }

    /// All migrations, applied and pending, oldest first.
    pub async fn status(
        &self,
        database: impl Into<Database<'_>>,
    ) -> Result<Vec<Migration>, MigrationError> {
        let client = connect(database.into()).await?;
        let mut all: BTreeMap<i32, Migration> =
            self.files()?.iter().map(|file| (file.version, Migration::from(file))).collect();
        for Applied { migration, .. } in applied(&client).await? {
            all.insert(migration.version, migration);
        }
        Ok(all.into_values().collect())
    }

    fn files(&self) -> Result<Vec<MigrationFile>, MigrationError> {
        self.packed.map_or_else(|| read_folder(&self.folder), read_packed)
    }

    /// Writes both files of a new migration and returns their paths.
    pub fn create(&self, name: &str) -> Result<[PathBuf; 2], MigrationError> {
        Ok(create(&self.folder, name)?.map(|file| self.folder.join(file)))
    }

    /// Connects, and excludes other runs until [`unlock`] or the end of the connection. The
    /// lock is polled: a session that waits in `pg_advisory_lock` holds a snapshot, and CREATE
    /// INDEX CONCURRENTLY in the other run would wait for it.
    async fn locked(&self, database: Database<'_>) -> Result<Executor<'_>, MigrationError> {
        let client = connect(database).await?;
        // The server ends the statement of a run that was killed, and with it the lock.
        let check = client.batch_execute("SET client_connection_check_interval = '1s'").await;
        check.map_err(|source| MigrationError::sql("set up the connection", source))?;
        let failed = |source| MigrationError::sql("take the lock of the migrations", source);
        for poll in 1..=self.settings.polls {
            let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await;
            if row.and_then(|row| row.try_get(0)).map_err(failed)? {
                return Ok(Executor { client, settings: &self.settings, report: self.report });
            }
            if poll == 1 {
                (self.report)("another run is in progress");
            }
            tokio::time::sleep(self.settings.pause_after(poll)).await;
        }
        Err(MigrationError::Busy)
    }
}

/// Closing the connection also unlocks, but the next run could come before the server sees it.
async fn unlock(client: &Client) -> Result<(), MigrationError> {
    let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await;
    let failed = |source| MigrationError::sql("release the lock of the migrations", source);
    unlocked.map(drop).map_err(failed)
}

/// The files that are not applied, if those that are applied are unchanged and older.
fn pending(
    files: Vec<MigrationFile>,
    applied: &[Applied],
    accepts_later: bool,
) -> Result<Vec<MigrationFile>, MigrationError> {
    let last = files.last().map_or(0, |file| file.version);
    let find = |version| applied.iter().find(|row| row.migration.version == version);
    for row in applied {
        let name = || row.migration.to_string();
        match files.iter().find(|file| file.version == row.migration.version) {
            None if accepts_later && row.migration.version > last => {}
            None => return Err(MigrationError::Missing(name())),
            Some(file) if file.checksum != row.checksum || file.name != row.migration.name => {
                return Err(MigrationError::Edited(name()));
            }
            Some(_) => {}
        }
    }
    let newest = applied.last().map_or(0, |row| row.migration.version);
    let pending: Vec<_> = files.into_iter().filter(|file| find(file.version).is_none()).collect();
    match pending.iter().find(|file| file.version < newest) {
        Some(file) => Err(MigrationError::OutOfOrder(file.to_string())),
        None => Ok(pending),
    }
}

impl From<&MigrationFile> for Migration {
    fn from(file: &MigrationFile) -> Self {
        Self { version: file.version, name: file.name.clone(), applied_on: None }
    }
}

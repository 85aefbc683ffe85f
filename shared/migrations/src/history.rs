//! The table of applied migrations, schema-qualified because the search path is not ours.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use crate::error::MigrationError;
use crate::file::MigrationFile;

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

/// A row of the table.
pub struct Applied {
    pub migration: Migration,
    pub checksum: String,
}

pub async fn create_table(client: &Client) -> Result<(), MigrationError> {
    let create = "CREATE TABLE IF NOT EXISTS public.schema_migrations (
        version    integer PRIMARY KEY,
        name       text NOT NULL,
        checksum   text NOT NULL,
        applied_on timestamptz NOT NULL DEFAULT now())";
    let created = client.batch_execute(create).await;
    created.map_err(|source| MigrationError::sql("create the history of migrations", source))
}

/// The applied migrations, oldest first; none before the first run.
pub async fn applied(client: &Client) -> Result<Vec<Applied>, MigrationError> {
    let query = r#"SELECT version, name, checksum,
        to_char(applied_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        FROM public.schema_migrations ORDER BY version"#;
    match client.query(query, &[]).await {
        Ok(rows) => Ok(rows
            .iter()
            .map(|row| Applied {
                migration: Migration {
                    version: row.get(0),
                    name: row.get(1),
                    applied_on: row.get(3),
                },
                checksum: row.get(2),
            })
            .collect()),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
        Err(source) => Err(MigrationError::sql("read the history of migrations", source)),
    }
}

/// Refuses a database without a history whose schema `auth` is not empty: nobody knows what made it.
pub async fn refuse_unknown(client: &Client, applied: &[Applied]) -> Result<(), MigrationError> {
    if !applied.is_empty() {
        return Ok(());
    }
    let query =
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1 LIMIT 1";
    let found = client.query_opt(query, &[]).await;
    let found = found.and_then(|row| row.map(|row| row.try_get(0)).transpose());
    match found.map_err(|source| MigrationError::sql("look at the schema auth", source))? {
        Some(table) => Err(MigrationError::Unknown(table)),
        None => Ok(()),
    }
}

/// What a file changes in the history, in the transaction of its SQL if it has one.
#[derive(Clone, Copy)]
pub enum Record<'a> {
    Applied(&'a MigrationFile),
    Reverted(&'a Migration),
}

impl Record<'_> {
    pub async fn write(self, client: &impl GenericClient) -> Result<(), tokio_postgres::Error> {
        let written = match self {
            Self::Applied(file) => {
                let insert = "INSERT INTO public.schema_migrations (version, name, checksum)
                              VALUES ($1, $2, $3)";
                client.execute(insert, &[&file.version, &file.name, &file.checksum]).await
            }
            Self::Reverted(migration) => {
                let delete = "DELETE FROM public.schema_migrations WHERE version = $1";
                client.execute(delete, &[&migration.version]).await
            }
        };
        written.map(drop)
    }
}

//! Why a migration was not applied or reverted.

use std::path::PathBuf;

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
    #[error(
        "failed to {what}: a statement was cancelled after {seconds} s, because requests wait for \
         its locks; docs/migrations.md shows how to write it in steps"
    )]
    Slow { what: String, seconds: f32 },
    #[error("failed to {what}: still locked after {attempts} attempts: {reason}")]
    Locked { what: String, attempts: u32, reason: String },
    #[error("another run holds the lock of the migrations")]
    Busy,
    #[error("failed to use {}: {source}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error("{file} is not a migration: {reason}")]
    Invalid { file: String, reason: &'static str },
    #[error("a migration's name consists of a-z, 0-9 and _: {0:?} does not")]
    Name(String),
    #[error("{0} is applied, but its file was edited since")]
    Edited(String),
    #[error("{0} is applied, but its file is missing")]
    Missing(String),
    #[error("the database has a table auth.{0}, but no history of migrations")]
    Unknown(String),
    #[error(
        "the role of the functions must consist of a-z, 0-9 and _, and not be the one that migrates: {0:?}"
    )]
    Role(String),
    #[error("{0} is pending, but a later migration is applied")]
    OutOfOrder(String),
    /// A batch returned the same last key as the batch before: it would be repeated for ever.
    #[error("{0} does not advance: a batch returned the same last key as the batch before")]
    NotAdvancing(String),
}

impl MigrationError {
    /// tokio-postgres prints only "db error"; the message of the database is in its source.
    pub(crate) fn sql(what: impl Into<String>, source: tokio_postgres::Error) -> Self {
        Self::Sql { what: what.into(), reason: innermost(&source), source }
    }
}

/// The message of the first cause.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

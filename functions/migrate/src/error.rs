//! Why the database was not migrated.

use migrations::MigrationError;
use shared::core::StartError;
use shared::telemetry::ErrorChain;
use thiserror::Error;

/// Why the database was not migrated. The rest of what Postgres says may hold values of rows.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct MigrateError(pub(crate) String);

impl From<StartError> for MigrateError {
    /// It names variables, never a value.
    fn from(error: StartError) -> Self {
        Self(format!("failed to start: {}", ErrorChain(&error)))
    }
}

impl From<MigrationError> for MigrateError {
    fn from(error: MigrationError) -> Self {
        Self(error.to_string().lines().next().unwrap_or_default().to_owned())
    }
}

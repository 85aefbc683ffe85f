//! The state of `migrate`: where the database is, and which role the functions have.

use migrations::Runner;
use shared::config::{EnvReader, PostgresConfig, Stage};
use shared::secrets::SecretName;
use std::time::Duration;

/// The secrets that this function reads: the login of the role that owns the tables.
pub const SECRETS: &[SecretName] = &[SecretName::DatabaseUrl, SecretName::DatabasePassword];

/// Less than the longest life of an invocation, 15 minutes: who waits for the answer gets one.
const TIME_LIMIT: Duration = Duration::from_mins(14);

#[derive(Clone)]
pub struct MigrateState {
    pub(crate) postgres: PostgresConfig,
    pub runner: Runner,
    pub(crate) time_limit: Duration,
    /// Where answers may go: to AWS alone, but on a laptop.
    pub(crate) is_local: bool,
}

impl MigrateState {
    pub fn read(env: &mut EnvReader) -> Option<Self> {
        let stage = Stage::read(env);
        let postgres = PostgresConfig::read(env, stage);
        let functions_role = env.optional("DATABASE_FUNCTIONS_ROLE");
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if functions_role.as_deref().is_some_and(|role| !role.chars().all(is_name)) {
            env.error("DATABASE_FUNCTIONS_ROLE", "must consist of a-z, 0-9 and _");
        }
        let report = |what: &str| tracing::info!(what, "migration");
        let runner = Runner { accepts_later: true, functions_role, report, ..migrations::packed() };
        Some(Self { postgres, runner, time_limit: TIME_LIMIT, is_local: stage.is_local() })
    }
}

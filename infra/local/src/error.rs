//! Why a command of `cargo local` failed.

use std::io;
use std::path::PathBuf;

use crate::generate::GenerateError;
use crate::instance::InstanceError;

/// Why a command failed: one sentence for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Start(#[from] shared::core::StartError),
    #[error(transparent)]
    Store(#[from] stores::StoreError),
    #[error("DATABASE_URL {0}")]
    Database(&'static str),
    #[error("failed to read the trail: {}", shared::telemetry::ErrorChain(.0))]
    Trail(#[from] shared::store::StoreError),
    #[error("the database to import from: {0}")]
    Source(String),
    #[error("failed to import an account: {}", shared::telemetry::ErrorChain(.0))]
    Import(shared::store::StoreError),
    #[error("--backup-at must be a time such as 2026-11-28T14:00:00Z")]
    BackupTime,
    #[error("the export of the trail cannot be read: {0}")]
    TrailExport(#[from] shared::restore::trail::TrailError),
    #[error("the restore is not complete, repeat it: {}", shared::telemetry::ErrorChain(.0))]
    Restore(#[from] shared::restore::RestoreError),
    #[error(transparent)]
    Root(#[from] shared::audit::root::RootError),
    #[error("the root is of another key than --key names: its public key has the SHA-256 {0}")]
    OtherKey(String),
    #[error("failed to fetch {0} with the AWS CLI (`aws s3 cp`)")]
    Fetch(String),
    #[error(transparent)]
    Migration(#[from] migrations::MigrationError),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error("port {0} is already in use by another program: choose another with --port")]
    PortTaken(u16),
    #[error("failed to listen on port {port}: {source}")]
    Listen { port: u16, source: io::Error },
    #[error("no instance is ready on port {port}: start one with `cargo local up --port {port}`")]
    NotReady { port: u16 },
    #[error("failed to stop the instance on port {port}: {source}")]
    Stop { port: u16, source: io::Error },
    #[error("the instance on port {port} did not stop in time")]
    NotStopped { port: u16 },
    #[error("failed to start psql: {0}. It comes with the Postgres client programs")]
    Psql(#[source] io::Error),
    #[error("failed to use {}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("failed to listen for signals: {0}")]
    Signals(#[source] io::Error),
    #[error("failed to write the output: {0}")]
    Output(#[source] io::Error),
    #[error("failed to write the output as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("JWT_KEYS {0}")]
    JwtKeys(&'static str),
    #[error("PEPPER {0}")]
    Pepper(&'static str),
    #[error("DATA_KEYS {0}")]
    DataKeys(&'static str),
    #[error("a task of the start failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

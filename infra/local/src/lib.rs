//! The whole service on a laptop: `cargo local`. Its stores are the crate `stores`, its tables
//! the crate `migrations`.
//!
//! | module | what it is |
//! |---|---|
//! | [`service`] | all functions' routers as one, and their OpenAPI document |
//! | [`gateway`] | HTTP/1.1 in front of them, with the true peer address |
//! | [`configuration`] | every variable, for docs/configuration.md |
//! | [`generate`] | the files that follow from the code |
//! | [`instance`] | what a port's instance keeps, and how it is found |
//! | [`up`], [`commands`] | the commands of `cargo local` |

pub mod commands;
pub mod configuration;
pub mod gateway;
pub mod generate;
pub mod instance;
pub mod service;
pub mod up;

use std::io;
use std::path::PathBuf;

pub use stores::paths;

pub use service::{openapi, openapi_json};

/// Why a command of `cargo local` failed: one sentence for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Start(#[from] shared::core::StartError),
    #[error(transparent)]
    Store(#[from] stores::StoreError),
    #[error(transparent)]
    Migration(#[from] migrations::MigrationError),
    #[error(transparent)]
    Instance(#[from] instance::InstanceError),
    #[error("port {0} is already in use by another program: choose another with --port")]
    PortTaken(u16),
    #[error("port {port} cannot be served: {source}")]
    Port { port: u16, source: io::Error },
    #[error("nothing is ready on port {port}: `cargo local up --port {port}` starts it")]
    NotRunning { port: u16 },
    #[error("the instance on port {port} cannot be told to stop: {source}")]
    Stop { port: u16, source: io::Error },
    #[error("the instance on port {port} has not stopped")]
    NotStopped { port: u16 },
    #[error("psql cannot be started ({0}): it comes with the Postgres client programs")]
    Psql(#[source] io::Error),
    #[error("{} cannot be used: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("signals cannot be listened for: {0}")]
    Signals(#[source] io::Error),
    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
    #[error("the output cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a part of the start ended unexpectedly: {0}")]
    Task(#[from] tokio::task::JoinError),
}

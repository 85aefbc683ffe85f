//! Why a store could not be started.

use std::io;
use std::path::PathBuf;

use crate::sources::UnknownSource;

/// Why a store could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{product} is missing and could not be installed: {tried}")]
    Missing { product: String, tried: String },
    #[error(transparent)]
    UnknownSource(#[from] UnknownSource),
    #[error("root may not run Postgres, and there is no user postgres or nobody to run it")]
    NoAccount,
    #[error("port {port}, requested for {product}, is already in use")]
    PortTaken { product: &'static str, port: u16 },
    #[error("an earlier {product} (process {pid}) still uses {}", folder.display())]
    StillRuns { product: &'static str, pid: u32, folder: PathBuf },
    #[error("{product} exited while it {doing}: {reason}")]
    Exited { product: &'static str, doing: &'static str, reason: String },
    #[error("{product} was not ready after {seconds} s: {reason}")]
    NotReady { product: &'static str, seconds: u64, reason: String },
    #[error("failed to {what}: {source}")]
    Io { what: String, source: io::Error },
}

//! Why a store could not be started.

use std::io;
use std::path::PathBuf;

/// Why a store could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{product} is missing and could not be installed: {tried}")]
    Missing { product: String, tried: String },
    #[error("STORES_FROM names {0:?}, but knows only machine, packages and wheels")]
    UnknownSource(String),
    #[error("root may not run Postgres, and there is no user postgres or nobody to run it")]
    NoAccount,
    #[error("port {port}, asked for {product}, is already in use")]
    PortTaken { product: &'static str, port: u16 },
    #[error("an earlier {product} (process {pid}) still uses {}", folder.display())]
    StillRuns { product: &'static str, pid: u32, folder: PathBuf },
    #[error("{product} ended while it {doing}: {reason}")]
    Ended { product: &'static str, doing: &'static str, reason: String },
    #[error("{product} was not ready after two minutes: {reason}")]
    NotReady { product: &'static str, reason: String },
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
}

//! Private Postgres and Redis servers: found or installed, started on a free
//! port of 127.0.0.1 with a folder of their own, and stopped when we end,
//! however we end. `cargo local` keeps their data, tests throw it away.

mod account;
mod find;
mod guard;
mod install;
mod postgres;
mod redis;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub use find::{SOURCES_VARIABLE, Source, sources};
pub use postgres::Postgres;
pub use redis::Redis;

/// How often a start is tried again when somebody was quicker to take its port.
const PORT_TRIES: u32 = 10;
/// How long a server may take to be ready: kept data may have to be recovered.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// How often a starting server is looked at.
const READY_PAUSE: Duration = Duration::from_millis(5);
/// How long a server of an earlier run may take to end.
const EARLIER_LIMIT: Duration = Duration::from_secs(35);

/// How a store is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub folder: Folder,
    /// Data that survives a crash of the machine, at the usual cost.
    pub durable: bool,
    /// A port of 127.0.0.1; none is any free one.
    pub port: Option<u16>,
    /// More arguments for the server's command line, after our own.
    pub arguments: Vec<OsString>,
    /// Where the program may come from; none is as [`sources`] says.
    pub sources: Option<Vec<Source>>,
}

/// Where a store keeps its files.
#[derive(Clone, Debug, Default)]
pub enum Folder {
    /// In a temporary folder, removed when the store stops.
    #[default]
    Ephemeral,
    /// In this folder, or where the user that runs the store cannot reach it,
    /// in one that [`Postgres::folder`] tells.
    Kept(PathBuf),
}

impl Options {
    /// Nothing is kept, nothing waits for the disk.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::default()
    }

    /// Data that stays, and survives a crash.
    #[must_use]
    pub fn kept(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Folder::Kept(folder.into()), durable: true, ..Self::default() }
    }

    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    #[must_use]
    pub fn arguments<T: Into<OsString>>(mut self, more: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(more.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn sources(mut self, sources: impl Into<Vec<Source>>) -> Self {
        self.sources = Some(sources.into());
        self
    }
}

/// Why a store could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{product} is missing and could not be installed: {tried}")]
    Missing { product: String, tried: String },
    #[error("{SOURCES_VARIABLE} names {0:?}, but knows only machine, packages and wheels")]
    UnknownSource(String),
    #[error("root may not run Postgres, and there is no user postgres or nobody to run it")]
    NoAccount,
    #[error("port {port}, asked for {product}, is already in use")]
    PortTaken { product: &'static str, port: u16 },
    #[error("an earlier {product} (process {pid}) still uses {}", folder.display())]
    StillRuns { product: &'static str, pid: u32, folder: PathBuf },
    #[error("{product} ended while it {doing}: {reason}")]
    Ended { product: &'static str, doing: &'static str, reason: String },
    #[error("{product} was not ready after {} s: {reason}", READY_LIMIT.as_secs())]
    NotReady { product: &'static str, reason: String },
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
}

/// Tells the person who waits what goes on; past a test's capture too, as an
/// installation takes its time.
pub(crate) fn progress(line: &str) {
    // Nobody reads it: no reason to stop.
    let _ = writeln!(io::stderr().lock(), "local: {line}");
}

/// A new folder that only we can read, for what is to be removed.
pub(crate) fn temporary_folder(name: &str) -> Result<PathBuf, StoreError> {
    account::temporary_folder(name, None)
}

/// A port that is free now. It may be taken before it is used: try again then.
fn free_port() -> Result<u16, StoreError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| StoreError::Io { what: "find a free port".to_owned(), source })
}

/// The line of a server's log that says why it ended, as far as it can be told.
fn reason(log: &Path) -> String {
    let Ok(text) = fs::read(log) else {
        return format!("see {}", log.display());
    };
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    let told = lines()
        .find(|line| ["FATAL", "PANIC", "rror"].iter().any(|word| line.contains(word)))
        .or_else(|| lines().next());
    match told {
        Some(line) => line.trim().to_owned(),
        None => "it said nothing".to_owned(),
    }
}

/// Whether a server ended because its port was taken.
fn port_was_taken(log: &Path) -> bool {
    fs::read(log).is_ok_and(|text| {
        let text = String::from_utf8_lossy(&text);
        text.contains("Address already in use") || text.contains("Failed listening on port")
    })
}

/// What a start came to, where it did not fail for good.
enum Start<T> {
    Ready(T),
    PortTaken,
}

/// Starts on the wanted port, or on free ones until one is not taken.
fn on_a_port<T>(
    product: &'static str,
    wanted: Option<u16>,
    mut start: impl FnMut(u16) -> Result<Start<T>, StoreError>,
) -> Result<T, StoreError> {
    let mut last = 0;
    for _ in 0..PORT_TRIES {
        last = match wanted {
            Some(port) => port,
            None => free_port()?,
        };
        let taken = wanted.is_some() && TcpListener::bind((Ipv4Addr::LOCALHOST, last)).is_err();
        if !taken && let Start::Ready(store) = start(last)? {
            return Ok(store);
        }
        // A port that was just left may need a moment; a taken one stays so.
        thread::sleep(Duration::from_millis(50));
    }
    Err(StoreError::PortTaken { product, port: last })
}

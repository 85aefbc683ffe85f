//! How a store is started, and where it keeps its files.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::sources::Source;

/// How a store is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub folder: Folder,
    /// Data that survives a crash of the machine, at the usual cost.
    pub durable: bool,
    /// A port of 127.0.0.1; `None` takes any free port.
    pub port: Option<u16>,
    /// Further arguments for the server's command line, after our own.
    pub arguments: Vec<OsString>,
    /// Where the program may come from; `None` means [`crate::sources`].
    pub sources: Option<Vec<Source>>,
}

/// Where a store keeps its files.
#[derive(Clone, Debug, Default)]
pub enum Folder {
    /// In a temporary folder, removed when the store stops.
    #[default]
    Ephemeral,
    /// In this folder. If the user that runs the store cannot reach it, in another one:
    /// [`crate::Postgres::folder`] returns it.
    Kept(PathBuf),
}

impl Options {
    /// No data is kept, and no write waits for the disk.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::default()
    }

    /// Data is kept and survives a crash.
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

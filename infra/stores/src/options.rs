//! How a store is started.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::source::Source;

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
    /// Where the program may come from; none is as [`sources`](crate::sources) says.
    pub sources: Option<Vec<Source>>,
}

/// Where a store keeps its files.
#[derive(Clone, Debug, Default)]
pub enum Folder {
    /// In a temporary folder, removed when the store stops.
    #[default]
    Ephemeral,
    /// In this folder, or where the user that runs the store cannot reach it,
    /// in one that `folder()` returns.
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

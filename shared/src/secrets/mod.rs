//! Secrets: loaded at the start, and again while the process runs, so that a secret that was
//! changed arrives without a deployment.
//!
//! A function declares the secrets that it reads ([`SecretName`]); only those are loaded. Each
//! comes from its variable, or from the cloud if the variable with `_SECRET_ID` says where.
//!
//! | file | what it is |
//! |---|---|
//! | `name` | every secret of the service, and its variables |
//! | `source` | where a secret is: the text of a secret of the cloud, or one field of it |
//! | `loader` | loads all that are declared, each secret of the cloud once |
//! | `refresh` | loads them again beside a request |
//! | `schedule` | when |
//! | `live` | one secret in its parsed form, replaced as a whole |
//! | `replace` | what the loader knows of it |

mod live;
mod loader;
mod name;
mod refresh;
mod replace;
mod schedule;
mod source;

pub use live::{LiveSecret, ParseSecret, plain_text};
pub use loader::{Lookup, Secrets};
pub use name::SecretName;
pub use refresh::REFRESH_BY;
pub use schedule::REFRESH_AFTER;

use std::fmt;
use thiserror::Error;

use crate::cloud::CloudError;

/// Why a secret cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("{} is not set", .0.variable())]
    Missing(SecretName),
    #[error("{} is malformed", .0.variable())]
    Malformed(SecretName),
    #[error("{} names a secret that cannot be loaded: {}", .0.id_variable(), .1)]
    Cloud(SecretName, CloudError),
    #[error("{} names a field that its secret does not have", .0.id_variable())]
    NoField(SecretName),
    #[error("{} needs a function that is built for AWS", .0.id_variable())]
    NoCloud(SecretName),
}

/// All secrets that cannot be loaded, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretErrors(pub Vec<SecretError>);

impl fmt::Display for SecretErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secrets: ")?;
        for (n, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for SecretErrors {}

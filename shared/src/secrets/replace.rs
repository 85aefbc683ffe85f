//! What the loader knows of a secret in its parsed form.

use secrecy::SecretString;

use super::{SecretError, SecretName};

/// What is made of a secret.
pub(super) trait Replace: Send + Sync {
    fn name(&self) -> SecretName;

    /// Puts this secret in its place. Whether it is another than before.
    fn replace(&self, text: &SecretString) -> Result<bool, SecretError>;
}

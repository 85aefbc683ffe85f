//! A text that a new connection reads: fixed, or a secret that may change while the process
//! runs.

use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;

use crate::secrets::LiveSecret;

#[derive(Clone)]
pub enum LiveText {
    Fixed(SecretString),
    Live(Arc<LiveSecret<SecretString>>),
}

impl LiveText {
    /// The newest value that is loaded.
    #[must_use]
    pub fn current(&self) -> SecretString {
        match self {
            Self::Fixed(text) => text.clone(),
            Self::Live(secret) => secret.current().as_ref().clone(),
        }
    }

    /// Loads it again. If that fails, the value before stays.
    pub async fn refresh(&self) {
        if let Self::Live(secret) = self {
            refresh(secret).await;
        }
    }
}

impl fmt::Debug for LiveText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed(..)",
            Self::Live(_) => "Live(..)",
        })
    }
}

/// Loads the secret of a login again, once for all connections that were refused at the same time.
/// If that fails, the value before stays.
pub(super) async fn refresh<T: Send + Sync + 'static>(secret: &LiveSecret<T>) {
    let _ = secret.renew(&secret.current()).await;
}

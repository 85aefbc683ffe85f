//! The id of a call to a store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::clock::Rng;

/// Drawn by the server for each invocation, and never read from a request. A call whose reply
/// was lost is repeated with the same id, so that the store gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallId(String);

impl CallId {
    /// 128 random bits.
    #[must_use]
    pub fn draw(rng: Rng) -> Self {
        Self(BASE64.encode(rng.bytes::<16>()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

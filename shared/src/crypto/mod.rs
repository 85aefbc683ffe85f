//! Server-side cryptography with the pepper: digests of what must be compared but never
//! read ([`pepper`]), and encryption of what only this service reads again ([`envelope`]).

mod derive;
pub mod envelope;
pub mod pepper;

pub use derive::CryptoError;

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::clock::Rng;
use crate::config::EnvReader;
use crate::secrets::{LiveSecret, SecretName};
use envelope::EnvelopeCipher;
use pepper::PepperKeys;
use std::sync::Arc;

/// A pepper of fewer bytes is refused.
const MIN_PEPPER: usize = 32;

/// All keys that are derived from the pepper.
pub struct PepperSet {
    pub digests: PepperKeys,
    pub cipher: EnvelopeCipher,
}

impl PepperSet {
    pub fn new(pepper: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        Ok(Self { digests: PepperKeys::new(pepper)?, cipher: EnvelopeCipher::new(pepper)? })
    }

    /// Reads the variable `PEPPER`.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        const ERROR: &str = "must be the base64 of at least 32 random bytes";
        let bytes = BASE64.decode(text.expose_secret()).map_err(|_| ERROR)?;
        if bytes.len() < MIN_PEPPER {
            return Err(ERROR);
        }
        Self::new(&SecretSlice::from(bytes)).map_err(|_| ERROR)
    }
}

/// The pepper of a running function.
#[derive(Clone)]
pub struct Pepper(Arc<LiveSecret<PepperSet>>);

impl Pepper {
    pub fn read(env: &mut EnvReader) -> Option<Self> {
        env.live_secret(SecretName::Pepper, PepperSet::parse).map(Self)
    }

    #[must_use]
    pub fn current(&self) -> Arc<PepperSet> {
        self.0.current()
    }

    /// The secret itself, to load it again.
    #[must_use]
    pub fn secret(&self) -> &LiveSecret<PepperSet> {
        &self.0
    }
}

/// Whether two texts are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn constant_time_eq(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

/// A new pepper, as the variable `PEPPER` holds it.
#[must_use]
pub fn new_pepper() -> String {
    BASE64.encode(Rng.bytes::<32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_pepper_is_refused() {
        let text = |length| SecretString::from(BASE64.encode(vec![7; length]));
        assert!(PepperSet::parse(&text(31)).is_err());
        assert!(PepperSet::parse(&text(32)).is_ok());
    }
}

//! Secrets of the operator, and the derivation of keys from them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};
use thiserror::Error;

use crate::clock::Rng;

/// A secret of fewer bytes is refused.
const MIN_SECRET: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CryptoError {
    #[error("key derivation failed")]
    KeyDerivation,
    #[error("an encrypted value does not decrypt with this key")]
    Decryption,
    #[error("a value cannot be encrypted")]
    Encryption,
}

/// Derives the key for one use from a secret by HKDF-SHA256 (RFC 5869): a digest made for
/// one use is worth nothing for another.
pub(super) fn derive_key(secret: &SecretSlice<u8>, name: &str) -> Result<[u8; 32], CryptoError> {
    let salt = aws_lc_rs::hkdf::Salt::new(aws_lc_rs::hkdf::HKDF_SHA256, b"auth-service");
    let mut key = [0; 32];
    salt.extract(secret.expose_secret())
        .expand(&[name.as_bytes()], aws_lc_rs::hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|_| CryptoError::KeyDerivation)?;
    Ok(key)
}

/// The bytes of a secret in base64; none if they are too few to be one.
pub(super) fn secret_bytes(text: &str) -> Option<SecretSlice<u8>> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    (bytes.len() >= MIN_SECRET).then(|| SecretSlice::from(bytes))
}

/// A new secret in base64.
pub(super) fn random_secret() -> String {
    STANDARD.encode(Rng.bytes::<MIN_SECRET>())
}

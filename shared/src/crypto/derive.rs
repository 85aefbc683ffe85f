//! The derivation of keys from the pepper.

use secrecy::{ExposeSecret as _, SecretSlice};
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CryptoError {
    #[error("key derivation failed")]
    KeyDerivation,
    #[error("an encrypted value does not decrypt with this key")]
    Decryption,
    #[error("a value cannot be encrypted")]
    Encryption,
}

/// Derives the key for one use from the pepper by HKDF-SHA256 (RFC 5869): a digest made for
/// one use is worth nothing for another.
pub(super) fn derive_key(pepper: &SecretSlice<u8>, name: &str) -> Result<[u8; 32], CryptoError> {
    let salt = aws_lc_rs::hkdf::Salt::new(aws_lc_rs::hkdf::HKDF_SHA256, b"auth-service");
    let mut key = [0; 32];
    salt.extract(pepper.expose_secret())
        .expand(&[name.as_bytes()], aws_lc_rs::hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|_| CryptoError::KeyDerivation)?;
    Ok(key)
}

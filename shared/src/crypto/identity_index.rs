//! The blind index of identity keys that may not come back: keyed digests that outlive their account.
//! Without the key, nobody who knows a public key can find out whether it had an account here.
//!
//! The key is derived from `PHONE_INDEX_KEY`, which never changes: under another one, every retired
//! identity could come back.

use aws_lc_rs::hmac;
use secrecy::SecretSlice;
use std::fmt;
use std::sync::Arc;

use super::derive::{CryptoError, derive_key};
use super::phone_index::read_index;
use crate::config::EnvReader;

/// What stands for an identity key.
pub type IdentityDigest = [u8; 32];

#[derive(Clone)]
pub struct IdentityIndex {
    key: Arc<hmac::Key>,
}

impl fmt::Debug for IdentityIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityIndex([secret])")
    }
}

impl IdentityIndex {
    pub fn read(env: &mut EnvReader) -> Option<Self> {
        read_index(env, Self::new)
    }

    fn new(secret: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        let key = derive_key(secret, "identity-key")?;
        Ok(Self { key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)) })
    }

    /// The digest of a public key with its type byte.
    #[must_use]
    pub fn digest(&self, identity: &[u8]) -> IdentityDigest {
        hmac::sign(&self.key, identity).as_ref().first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_identity_and_key() {
        let index = |byte| IdentityIndex::new(&SecretSlice::from(vec![byte; 32])).unwrap();
        let (a, b) = (index(1), index(2));
        assert_eq!(a.digest(&[5; 33]), a.digest(&[5; 33]));
        assert_ne!(a.digest(&[5; 33]), a.digest(&[6; 33]));
        assert_ne!(a.digest(&[5; 33]), b.digest(&[5; 33]));
    }
}

//! The data keys: what the database holds encrypted for long, which are the secrets of second factors.
//!
//! An encrypted value has the id of its key in front, and the user as associated data: it does not
//! decrypt for another user. Every key of the set can read; only the current one writes. Whatever
//! is used is written again under the current key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::UserId;
use secrecy::{SecretSlice, SecretString};
use std::sync::Arc;

use super::derive::{CryptoError, derive_key};
use super::envelope::Cipher;
use super::key_set::{FromSecret, KeySet, new_key_set, rotate_key_set};
use crate::clock::Rng;
use crate::config::EnvReader;
use crate::secrets::{LiveSecret, SecretName};

/// Bytes of a key's id, which stands in front of a value.
const ID_LENGTH: usize = 8;

/// What is derived from one data key.
pub struct DataKey {
    id: String,
    two_factor_secrets: Cipher,
}

impl FromSecret for DataKey {
    fn from_secret(secret: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        Ok(Self {
            id: BASE64.encode(&derive_key(secret, "data-key-id")?[..ID_LENGTH / 4 * 3]),
            two_factor_secrets: Cipher::new(secret, "two-factor-secret")?,
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// All data keys: the current one first.
pub type DataKeySet = KeySet<DataKey>;

impl DataKeySet {
    /// Encrypts the secret of a second factor under the current key.
    pub fn encrypt(&self, user: UserId, secret: &[u8], rng: Rng) -> Result<Vec<u8>, CryptoError> {
        let key = self.current();
        let encrypted = key.two_factor_secrets.encrypt(secret, user.as_uuid().as_bytes(), rng)?;
        Ok([key.id.as_bytes(), &encrypted].concat())
    }

    pub fn decrypt(&self, user: UserId, stored: &[u8]) -> Result<SecretSlice<u8>, CryptoError> {
        let failed = CryptoError::Decryption;
        let (id, encrypted) = stored.split_at_checked(ID_LENGTH).ok_or(failed)?;
        let key = std::str::from_utf8(id).ok().and_then(|id| self.by_id(id)).ok_or(failed)?;
        let plain =
            key.two_factor_secrets.decrypt(encrypted.to_vec(), user.as_uuid().as_bytes())?;
        Ok(SecretSlice::from(plain))
    }

    /// The id that stands in front of what is under the current key.
    #[must_use]
    pub fn current_id(&self) -> &str {
        &self.current().id
    }

    /// Whether a stored value is under the current key.
    #[must_use]
    pub fn is_current(&self, stored: &[u8]) -> bool {
        stored.starts_with(self.current_id().as_bytes())
    }
}

/// The data keys of a running function.
#[derive(Clone)]
pub struct DataKeys(Arc<LiveSecret<DataKeySet>>);

impl DataKeys {
    pub fn read(env: &mut EnvReader) -> Option<Self> {
        env.live_secret(SecretName::DataKeys, DataKeySet::parse).map(Self)
    }

    #[must_use]
    pub fn load(&self) -> Arc<DataKeySet> {
        self.0.current()
    }
}

/// New data keys, as the variable `DATA_KEYS` holds them.
#[must_use]
pub fn new_data_keys() -> SecretString {
    new_key_set()
}

/// The next step of a rotation of `DATA_KEYS`.
pub fn rotate_data_keys(text: &SecretString) -> Result<SecretString, &'static str> {
    rotate_key_set::<DataKey>(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn user(n: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_secret_decrypts_for_its_user_alone_and_after_a_rotation() {
        let first = new_data_keys();
        let announced = rotate_data_keys(&first).unwrap();
        let second = rotate_data_keys(&announced).unwrap();
        let [first, announced, second] =
            [first, announced, second].map(|text| DataKeySet::parse(&text).unwrap());
        let stored = first.encrypt(user(1), &[7; 20], Rng).unwrap();
        for keys in [&first, &announced, &second] {
            assert_eq!(keys.decrypt(user(1), &stored).unwrap().expose_secret(), [7; 20]);
            assert!(keys.decrypt(user(2), &stored).is_err());
        }
        assert!(first.is_current(&stored) && announced.is_current(&stored));
        assert!(!second.is_current(&stored));
        // What the new key writes is read by whoever knows it as the next one.
        let renewed = second.encrypt(user(1), &[7; 20], Rng).unwrap();
        assert!(announced.decrypt(user(1), &renewed).is_ok());
        assert!(first.decrypt(user(1), &renewed).is_err());
        for broken in [&[][..], &stored[..8], &stored[..stored.len() - 1], &[0xff; 60]] {
            assert!(first.decrypt(user(1), broken).is_err());
        }
    }
}

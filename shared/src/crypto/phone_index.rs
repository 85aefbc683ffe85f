//! The blind index of phone numbers: keyed digests that stand in names of Redis keys in place of
//! numbers and addresses.
//!
//! Its key is a secret of its own. Unlike the peppers it never changes: under another key, every
//! count of every number would begin anew.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::phone::{PhoneNumber, PhoneSlot};
use domain::verification::Purpose;
use secrecy::{ExposeSecret as _, SecretSlice};
use std::sync::Arc;

use super::derive::{CryptoError, derive_key, random_secret, secret_bytes};
use crate::config::EnvReader;
use crate::secrets::SecretName;

const MALFORMED: &str = "must be the base64 of at least 32 random bytes";

#[derive(Clone)]
pub struct PhoneIndex {
    key: Arc<hmac::Key>,
}

impl PhoneIndex {
    pub fn read(env: &mut EnvReader) -> Option<Self> {
        read_index(env, Self::new)
    }

    fn new(secret: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        let key = derive_key(secret, "phone-number")?;
        Ok(Self { key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)) })
    }

    fn digest<const N: usize>(&self, text: &str) -> [u8; N] {
        let digest = hmac::sign(&self.key, text.as_bytes());
        digest.as_ref().first_chunk().copied().unwrap_or([0; N])
    }

    /// The digest of a phone number.
    #[must_use]
    pub fn phone(&self, phone: &PhoneNumber) -> String {
        BASE64.encode(self.digest::<18>(phone.as_e164()))
    }

    /// The slot of a phone number: bits of its digest that [`Self::phone`] does not hold.
    #[must_use]
    pub fn slot(&self, phone: &PhoneNumber) -> PhoneSlot {
        let digest: [u8; 32] = self.digest(phone.as_e164());
        PhoneSlot::of_digest([digest[30], digest[31]])
    }

    /// The digest of the block of numbers that a number belongs to.
    #[must_use]
    pub fn block(&self, phone: &PhoneNumber) -> String {
        BASE64.encode(self.digest::<12>(phone.number_block()))
    }

    /// The number of a network in draws, which nobody can compute from outside.
    #[must_use]
    pub fn lot(&self, prefix: &str) -> u32 {
        u32::from_be_bytes(self.digest(&format!("lot {prefix}")))
    }

    /// The digest of what repeated requests of one client have in common.
    #[must_use]
    pub fn client(
        &self,
        phone: &PhoneNumber,
        purpose: Purpose,
        fingerprint: Option<&str>,
        address: &str,
    ) -> String {
        let (phone, purpose) = (phone.as_e164(), purpose.as_str());
        let fingerprint = fingerprint.unwrap_or_default();
        // The part of free text comes last: no two clients make the same text.
        BASE64
            .encode(self.digest::<18>(&format!("client {phone} {purpose} {address} {fingerprint}")))
    }
}

/// Makes an index from the key of `PHONE_INDEX_KEY`.
pub(super) fn read_index<T>(
    env: &mut EnvReader,
    new: impl FnOnce(&SecretSlice<u8>) -> Result<T, CryptoError>,
) -> Option<T> {
    let text = env.required_secret(SecretName::PhoneIndexKey);
    if text.expose_secret().is_empty() {
        return None;
    }
    let bytes = secret_bytes(text.expose_secret());
    let index = bytes.and_then(|bytes| new(&bytes).ok());
    if index.is_none() {
        env.error(SecretName::PhoneIndexKey.variable(), MALFORMED);
    }
    index
}

/// A new key, as the variable `PHONE_INDEX_KEY` holds it.
#[must_use]
pub fn new_phone_index_key() -> String {
    random_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_different_things_differ() {
        let index = PhoneIndex::new(&SecretSlice::from(vec![7; 32])).unwrap();
        let phone = |text| PhoneNumber::parse(text).unwrap();
        let (a, b) = (phone("+33612345678"), phone("+33612345679"));
        assert_ne!(index.phone(&a), index.phone(&b));
        assert_eq!(index.block(&a), index.block(&b));
        assert!(!index.phone(&a).starts_with(&index.block(&a)[..8]));
        let client = |purpose, device, address| index.client(&a, purpose, device, address);
        let first = client(Purpose::Login, Some("x"), "192.0.2.1");
        for other in [
            client(Purpose::Register, Some("x"), "192.0.2.1"),
            client(Purpose::Login, Some("y"), "192.0.2.1"),
            client(Purpose::Login, None, "192.0.2.1"),
            client(Purpose::Login, Some("x"), "192.0.2.2"),
            index.client(&b, Purpose::Login, Some("x"), "192.0.2.1"),
        ] {
            assert_ne!(first, other);
        }
    }
}

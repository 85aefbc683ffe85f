//! What the pepper protects: keyed digests of things that must be compared but never
//! read, and sealed values that only this service opens.
//!
//! Each use has its own key, drawn from the pepper by HKDF-SHA256 (RFC 5869) with the
//! use's name, so that a digest made for one is worth nothing for another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::VerificationId;
use domain::phone::PhoneNumber;
use domain::verification::{Code, Purpose};
use secrecy::{ExposeSecret as _, SecretSlice};
use thiserror::Error;

use crate::clock::Rng;

/// A pepper of fewer bytes is refused.
pub const MIN_PEPPER: usize = 32;

#[derive(Debug, Error)]
pub enum SealingError {
    #[error("PEPPER must be the base64 of at least {MIN_PEPPER} random bytes")]
    Pepper,
    #[error("a sealed value does not open with this pepper")]
    Sealed,
}

/// The keys drawn from the pepper.
pub struct Sealing {
    codes: hmac::Key,
    phones: hmac::Key,
    devices: hmac::Key,
    seal: LessSafeKey,
}

impl Sealing {
    pub fn new(pepper: &SecretSlice<u8>) -> Result<Self, SealingError> {
        if pepper.expose_secret().len() < MIN_PEPPER {
            return Err(SealingError::Pepper);
        }
        let extracted =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"auth-service").extract(pepper.expose_secret());
        let key = |name: &str| -> Result<[u8; 32], SealingError> {
            let mut key = [0; 32];
            extracted
                .expand(&[name.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut key))
                .map_err(|_| SealingError::Pepper)?;
            Ok(key)
        };
        let mac = |name: &str| key(name).map(|k| hmac::Key::new(hmac::HMAC_SHA256, &k));
        Ok(Self {
            codes: mac("verification-code")?,
            phones: mac("phone-number")?,
            devices: mac("device-binding")?,
            seal: LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM, &key("seal")?).map_err(|_| SealingError::Pepper)?,
            ),
        })
    }

    /// What stands for a code in the store.
    #[must_use]
    pub fn code(&self, id: &VerificationId, purpose: Purpose, code: &Code) -> String {
        BASE64.encode(hmac::sign(&self.codes, &code.mac_input(id, purpose)))
    }

    /// What stands for a phone number in the names of keys.
    #[must_use]
    pub fn phone(&self, phone: &PhoneNumber) -> String {
        BASE64.encode(&hmac::sign(&self.phones, phone.as_e164().as_bytes()).as_ref()[..18])
    }

    /// What stands for the block of numbers that a number is of.
    #[must_use]
    pub fn block(&self, phone: &PhoneNumber) -> String {
        BASE64.encode(&hmac::sign(&self.phones, phone.block().as_bytes()).as_ref()[..12])
    }

    /// What binds a verification to the device that asked for it; empty if unbound.
    #[must_use]
    pub fn device(&self, id: &VerificationId, fingerprint: Option<&str>) -> String {
        fingerprint.map_or_else(String::new, |fingerprint| {
            let mut context = hmac::Context::with_key(&self.devices);
            context.update(id.as_uuid().as_bytes());
            context.update(fingerprint.as_bytes());
            BASE64.encode(&context.sign().as_ref()[..18])
        })
    }

    /// Whether two digests are the same, in a time that tells nothing of where they differ.
    #[must_use]
    pub fn same(a: &str, b: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
    }

    /// Seals `plain` under the identity of what it belongs to (AES-256-GCM, random
    /// nonce in front): moved to another record it does not open.
    #[must_use]
    pub fn seal(&self, plain: &str, owner: &VerificationId, rng: Rng) -> String {
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut sealed = plain.as_bytes().to_vec();
        let tag = self.seal.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(owner.as_uuid().as_bytes()),
            &mut sealed,
        );
        let mut out = nonce.to_vec();
        out.append(&mut sealed);
        // The cipher refuses only inputs of many gigabytes.
        if let Ok(tag) = tag {
            out.extend_from_slice(tag.as_ref());
        }
        BASE64.encode(out)
    }

    pub fn open(&self, sealed: &str, owner: &VerificationId) -> Result<String, SealingError> {
        let mut bytes = BASE64.decode(sealed).map_err(|_| SealingError::Sealed)?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(SealingError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::Sealed)?;
        let plain = self
            .seal
            .open_in_place(nonce, Aad::from(owner.as_uuid().as_bytes()), rest)
            .map_err(|_| SealingError::Sealed)?;
        String::from_utf8(plain.to_vec()).map_err(|_| SealingError::Sealed)
    }
}

/// A new pepper, as the variable `PEPPER` takes it.
#[must_use]
pub fn new_pepper() -> String {
    base64::engine::general_purpose::STANDARD.encode(Rng.bytes::<32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealing() -> Sealing {
        Sealing::new(&SecretSlice::from(vec![7; 32])).unwrap()
    }

    #[test]
    fn a_sealed_number_opens_for_its_owner_alone() {
        let (a, b) = (VerificationId::new([1; 16]), VerificationId::new([2; 16]));
        let sealed = sealing().seal("+33612345678", &a, Rng);
        assert_eq!(sealing().open(&sealed, &a).unwrap(), "+33612345678");
        assert!(sealing().open(&sealed, &b).is_err());
        let other = Sealing::new(&SecretSlice::from(vec![8; 32])).unwrap();
        assert!(other.open(&sealed, &a).is_err());
        for broken in ["", "AAAA", &sealed[..sealed.len() - 2], "!"] {
            assert!(sealing().open(broken, &a).is_err());
        }
    }

    #[test]
    fn a_short_pepper_is_refused() {
        assert!(Sealing::new(&SecretSlice::from(vec![7; 31])).is_err());
    }

    #[test]
    fn digests_differ_by_use() {
        let id = VerificationId::new([1; 16]);
        let code = Code::parse("123456").unwrap();
        let sealing = sealing();
        assert_ne!(
            sealing.code(&id, Purpose::Login, &code),
            sealing.code(&id, Purpose::Register, &code)
        );
        assert_eq!(sealing.device(&id, None), "");
        assert_ne!(sealing.device(&id, Some("a")), sealing.device(&id, Some("b")));
    }
}

//! Keyed digests (HMAC-SHA256): what the stores hold in place of codes, phone numbers and
//! device ids.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::VerificationId;
use domain::phone::{PhoneNumber, PhoneSlot};
use domain::verification::{Code, Purpose};
use secrecy::SecretSlice;

use super::derive::{CryptoError, derive_key};

/// The digest keys, one for each use.
pub struct PepperKeys {
    codes: hmac::Key,
    phones: hmac::Key,
    devices: hmac::Key,
}

impl PepperKeys {
    pub(super) fn new(pepper: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        let key = |name| Ok(hmac::Key::new(hmac::HMAC_SHA256, &derive_key(pepper, name)?));
        Ok(Self {
            codes: key("verification-code")?,
            phones: key("phone-number")?,
            devices: key("device-binding")?,
        })
    }

    /// The digest of a code, which the verification's record holds.
    #[must_use]
    pub fn code(&self, id: &VerificationId, purpose: Purpose, code: &Code) -> String {
        BASE64.encode(hmac::sign(&self.codes, &code.mac_input(id, purpose)))
    }

    /// The digest of a phone number, which Redis key names hold.
    #[must_use]
    pub fn phone(&self, phone: &PhoneNumber) -> String {
        BASE64.encode(&hmac::sign(&self.phones, phone.as_e164().as_bytes()).as_ref()[..18])
    }

    /// The slot of a phone number: bits of its digest that key names do not hold.
    #[must_use]
    pub fn phone_slot(&self, phone: &PhoneNumber) -> PhoneSlot {
        let digest = hmac::sign(&self.phones, phone.as_e164().as_bytes());
        let bytes = digest.as_ref().last_chunk().copied();
        PhoneSlot::of_digest(bytes.unwrap_or_default())
    }

    /// The digest of the block of numbers that a number belongs to.
    #[must_use]
    pub fn block(&self, phone: &PhoneNumber) -> String {
        BASE64.encode(&hmac::sign(&self.phones, phone.number_block().as_bytes()).as_ref()[..12])
    }

    /// The number of a network in draws, which nobody can compute from outside.
    #[must_use]
    pub fn lot(&self, prefix: &str) -> u32 {
        let digest = hmac::sign(&self.phones, format!("lot {prefix}").as_bytes());
        digest.as_ref().first_chunk().copied().map_or(0, u32::from_be_bytes)
    }

    /// The digest that binds a verification to the device that requested it; empty if the
    /// request named no device.
    #[must_use]
    pub fn device(&self, id: &VerificationId, fingerprint: Option<&str>) -> String {
        fingerprint.map_or_else(String::new, |fingerprint| {
            let mut context = hmac::Context::with_key(&self.devices);
            context.update(id.as_uuid().as_bytes());
            context.update(fingerprint.as_bytes());
            BASE64.encode(&context.sign().as_ref()[..18])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_use() {
        let id = VerificationId::new(PhoneSlot::of_digest([0; 2]), [1; 16]);
        let code = Code::parse("123456").unwrap();
        let keys = PepperKeys::new(&SecretSlice::from(vec![7; 32])).unwrap();
        assert_ne!(keys.code(&id, Purpose::Login, &code), keys.code(&id, Purpose::Register, &code));
        assert_eq!(keys.device(&id, None), "");
        assert_ne!(keys.device(&id, Some("a")), keys.device(&id, Some("b")));
    }
}

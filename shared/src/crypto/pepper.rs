//! The peppers: server-side secrets whose keys digest what must be compared but never read
//! (codes, device ids), and encrypt what only this service reads again.
//!
//! A pepper can be replaced at any time. What is stored under one keeps its [`PepperKeys::id`],
//! and every pepper of the set can still read it. `next` is known to all sandboxes before it
//! becomes `current`, so none meets a record under a pepper that it does not know.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::UserId;
use domain::ids::VerificationId;
use domain::recovery_code::RecoveryCode;
use domain::second_factor::{BackupCode, SecondFactorToken};
use domain::verification::{Code, Purpose};
use secrecy::{SecretSlice, SecretString};
use std::sync::Arc;

use super::constant_time_eq;
use super::derive::{CryptoError, derive_key};
use super::envelope::EnvelopeCipher;
use super::key_set::{FromSecret, KeySet, new_key_set, rotate_key_set};
use crate::config::EnvReader;
use crate::secrets::{LiveSecret, SecretName};

/// The keys of one pepper, one for each use.
pub struct PepperKeys {
    id: String,
    codes: hmac::Key,
    devices: hmac::Key,
    attempts: hmac::Key,
    backup_codes: hmac::Key,
    selectors: hmac::Key,
    pub cipher: EnvelopeCipher,
}

impl PepperKeys {
    pub fn new(pepper: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        let key = |name| Ok(hmac::Key::new(hmac::HMAC_SHA256, &derive_key(pepper, name)?));
        Ok(Self {
            id: BASE64.encode(&derive_key(pepper, "pepper-id")?[..6]),
            codes: key("verification-code")?,
            devices: key("device-binding")?,
            attempts: key("second-factor-attempt")?,
            backup_codes: key("backup-code")?,
            selectors: key("backup-code-selector")?,
            cipher: EnvelopeCipher::new(pepper)?,
        })
    }

    /// Names this pepper beside what is stored under it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The digest of a code, which the verification's record holds.
    #[must_use]
    pub fn code(&self, id: &VerificationId, purpose: Purpose, code: &Code) -> String {
        BASE64.encode(hmac::sign(&self.codes, &code.mac_input(id, purpose)))
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

    /// Whether a verification with this digest is bound to no device, or to this one.
    #[must_use]
    pub fn admits_device(&self, id: &VerificationId, bound: &str, shown: Option<&str>) -> bool {
        bound.is_empty() || constant_time_eq(bound, &self.device(id, shown))
    }

    /// The digest by which a code of the second factor is known again for a short time.
    #[must_use]
    pub fn second_factor_attempt(&self, user: UserId, token: &SecondFactorToken) -> String {
        self.attempt(user, token.text())
    }

    /// The same of a recovery code.
    #[must_use]
    pub fn recovery_attempt(&self, user: UserId, code: &RecoveryCode) -> String {
        self.attempt(user, code.symbols())
    }

    fn attempt(&self, user: UserId, text: &str) -> String {
        BASE64.encode(&of_user(&self.attempts, user, text).as_ref()[..18])
    }

    /// What is hashed of a backup code. In base64, because bcrypt ends at the first zero byte.
    #[must_use]
    pub fn backup_code(&self, user: UserId, code: &BackupCode) -> String {
        BASE64.encode(of_user(&self.backup_codes, user, code.letters()))
    }

    /// 12 bits that find the row of a backup code.
    #[must_use]
    pub fn backup_code_selector(&self, user: UserId, code: &BackupCode) -> i16 {
        let digest = of_user(&self.selectors, user, code.letters());
        let [high, low] = digest.as_ref().first_chunk().copied().unwrap_or_default();
        i16::from_be_bytes([high & 0x0f, low])
    }
}

fn of_user(key: &hmac::Key, user: UserId, text: &str) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(user.as_uuid().as_bytes());
    context.update(text.as_bytes());
    context.sign()
}

impl FromSecret for PepperKeys {
    fn from_secret(secret: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        Self::new(secret)
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// All peppers: the current one first.
pub type PepperSet = KeySet<PepperKeys>;

/// The peppers of a running function.
#[derive(Clone)]
pub struct Pepper(Arc<LiveSecret<PepperSet>>);

impl Pepper {
    pub fn read(env: &mut EnvReader) -> Option<Self> {
        env.live_secret(SecretName::Pepper, PepperSet::parse).map(Self)
    }

    #[must_use]
    pub fn load(&self) -> Arc<PepperSet> {
        self.0.current()
    }

    /// The secret itself, to load it again.
    #[must_use]
    pub fn secret(&self) -> &LiveSecret<PepperSet> {
        &self.0
    }
}

/// A new pepper, as the variable `PEPPER` holds it.
#[must_use]
pub fn new_pepper() -> SecretString {
    new_key_set()
}

/// The next step of a rotation of `PEPPER`.
pub fn rotate_pepper(text: &SecretString) -> Result<SecretString, &'static str> {
    rotate_key_set::<PepperKeys>(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::PhoneSlot;

    #[test]
    fn digests_differ_by_use_and_by_pepper() {
        let id = VerificationId::new(PhoneSlot::of_digest([0; 2]), [1; 16]);
        let code = Code::parse("123456").unwrap();
        let keys = PepperKeys::new(&SecretSlice::from(vec![7; 32])).unwrap();
        assert_ne!(keys.code(&id, Purpose::Login, &code), keys.code(&id, Purpose::Register, &code));
        assert_eq!(keys.device(&id, None), "");
        assert_ne!(keys.device(&id, Some("a")), keys.device(&id, Some("b")));
        let others = PepperKeys::new(&SecretSlice::from(vec![8; 32])).unwrap();
        assert_ne!(keys.id(), others.id());
        assert_ne!(keys.code(&id, Purpose::Login, &code), others.code(&id, Purpose::Login, &code));
    }

    #[test]
    fn digests_of_backup_codes_differ_by_user_and_by_use() {
        let keys = PepperKeys::new(&SecretSlice::from(vec![7; 32])).unwrap();
        let user = |n| UserId::from_uuid(uuid::Uuid::from_u128(n));
        let code = BackupCode::parse("ABCD-2345").unwrap();
        assert_ne!(keys.backup_code(user(1), &code), keys.backup_code(user(2), &code));
        // bcrypt takes 72 bytes.
        assert_eq!(keys.backup_code(user(1), &code).len(), 43);
        let selectors = (0..64).map(|n| keys.backup_code_selector(user(n), &code));
        let selectors: std::collections::BTreeSet<i16> = selectors.collect();
        assert!(selectors.len() > 32 && selectors.iter().all(|one| (0..4096).contains(one)));
        let token = SecondFactorToken::BackupCode(code.clone());
        assert_ne!(
            keys.second_factor_attempt(user(1), &token)[..16],
            keys.backup_code(user(1), &code)[..16]
        );
    }
}

//! The peppers: server-side secrets whose keys digest what must be compared but never read
//! (codes, device ids), and encrypt what only this service reads again.
//!
//! A pepper can be replaced at any time. What is stored under one keeps its [`PepperKeys::id`],
//! and every pepper of the set can still read it. `next` is known to all sandboxes before it
//! becomes `current`, so none meets a record under a pepper that it does not know.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::VerificationId;
use domain::verification::{Code, Purpose};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::constant_time_eq;
use super::derive::{CryptoError, derive_key, random_secret, secret_bytes};
use super::envelope::EnvelopeCipher;
use crate::config::EnvReader;
use crate::secrets::{LiveSecret, SecretName};

const MALFORMED: &str = "must be as `cargo local keys new` prints it: JSON with `current`, and \
                         `next` and `previous` where there are any, each the base64 of at least \
                         32 random bytes";

/// The keys of one pepper, one for each use.
pub struct PepperKeys {
    id: String,
    codes: hmac::Key,
    devices: hmac::Key,
    pub cipher: EnvelopeCipher,
}

impl PepperKeys {
    pub fn new(pepper: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        let key = |name| Ok(hmac::Key::new(hmac::HMAC_SHA256, &derive_key(pepper, name)?));
        Ok(Self {
            id: BASE64.encode(&derive_key(pepper, "pepper-id")?[..6]),
            codes: key("verification-code")?,
            devices: key("device-binding")?,
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
}

/// `PEPPER`.
#[derive(Serialize, Deserialize)]
struct StoredPeppers {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    previous: Vec<String>,
}

impl StoredPeppers {
    fn parse(text: &SecretString) -> Result<Self, &'static str> {
        serde_json::from_str(text.expose_secret()).map_err(|_| MALFORMED)
    }

    fn to_text(&self) -> SecretString {
        // Texts alone: there is nothing that JSON cannot say.
        SecretString::from(serde_json::to_string(self).unwrap_or_default())
    }
}

/// All peppers: the current one first.
pub struct PepperSet {
    current: PepperKeys,
    others: Vec<PepperKeys>,
}

impl PepperSet {
    /// Reads the variable `PEPPER`.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let stored = StoredPeppers::parse(text)?;
        let keys = |text: &String| {
            let bytes = secret_bytes(text).ok_or(MALFORMED)?;
            PepperKeys::new(&bytes).map_err(|_| MALFORMED)
        };
        let others = stored.next.iter().chain(&stored.previous).map(keys);
        Ok(Self { current: keys(&stored.current)?, others: others.collect::<Result<_, _>>()? })
    }

    /// What is stored now is stored under this one.
    #[must_use]
    pub fn current(&self) -> &PepperKeys {
        &self.current
    }

    /// The pepper under which something was stored.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&PepperKeys> {
        self.iter().find(|keys| keys.id == id)
    }

    /// All, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &PepperKeys> {
        std::iter::once(&self.current).chain(&self.others)
    }
}

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
    StoredPeppers { current: random_secret(), next: None, previous: Vec::new() }.to_text()
}

/// The next step of a rotation. The first time a `next` pepper is made, which every sandbox must
/// know before it is used. From then on `next` becomes `current`, the pepper before is kept, and a
/// new `next` is made. Nothing is removed: a stored value may name any previous pepper.
pub fn rotate_pepper(text: &SecretString) -> Result<SecretString, &'static str> {
    PepperSet::parse(text)?;
    let mut peppers = StoredPeppers::parse(text)?;
    if let Some(next) = peppers.next.take() {
        let before = std::mem::replace(&mut peppers.current, next);
        peppers.previous.insert(0, before);
    }
    peppers.next = Some(random_secret());
    Ok(peppers.to_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use domain::phone::PhoneSlot;
    use serde_json::json;

    fn set(stored: &serde_json::Value) -> Result<PepperSet, &'static str> {
        PepperSet::parse(&SecretString::from(stored.to_string()))
    }

    fn ids(text: &SecretString) -> Vec<String> {
        let set = PepperSet::parse(text).unwrap();
        set.iter().map(|keys| keys.id().to_owned()).collect()
    }

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
    fn short_or_broken_peppers_are_refused() {
        let of = |length| STANDARD.encode(vec![7; length]);
        assert!(set(&json!({ "current": of(32) })).is_ok());
        for broken in [
            json!({ "current": of(31) }),
            json!({ "current": of(32), "next": of(31) }),
            json!({ "current": of(32), "previous": [of(32), "short"] }),
            json!({ "next": of(32) }),
            json!(of(32)),
        ] {
            assert!(set(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_rotation_announces_a_pepper_before_it_uses_it_and_keeps_those_before() {
        let first = new_pepper();
        let announced = rotate_pepper(&first).unwrap();
        let second = rotate_pepper(&announced).unwrap();
        let third = rotate_pepper(&second).unwrap();
        let (first, announced, second, third) =
            (ids(&first), ids(&announced), ids(&second), ids(&third));
        assert_eq!(first.len(), 1);
        assert_eq!(announced[0], first[0]);
        assert_eq!(second[0], announced[1]);
        assert_eq!(second[2..], first);
        assert_eq!(third[0], second[1]);
        assert_eq!(third[2..], [second[0].clone(), first[0].clone()]);
    }
}

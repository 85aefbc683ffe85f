//! `JWT_KEYS` as it is stored, and how it is rotated.
//!
//! Each key is published before it signs, so that no verifier meets a key it has not fetched; kept
//! while a token that it signed can be valid; and then known as retired for as long as an earlier
//! token tells a known device (contract, section 2).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use domain::session::{EARLIER_TOKEN_TTL, REFRESH_TTL};
use domain::time::Timestamp;
use p256::SecretKey;
use p256::pkcs8::EncodePrivateKey as _;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::jwks::Jwk;
use crate::clock::Rng;

const MALFORMED: &str = "must be as `cargo local keys new` prints it";
/// Sandboxes that still have the set before may sign for so long.
const ROLLOUT: Duration = Duration::from_hours(24);

/// `JWT_KEYS`. Private keys are PEM (PKCS#8 or SEC1) or base64 of PKCS#8.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredKeys {
    /// Signs.
    pub current: String,
    /// Published, and signs after the next rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Their tokens can still be valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<OldKey>,
    /// Their tokens have expired, and still tell a known device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<OldKey>,
}

/// The public half of a key that signs no more.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OldKey {
    /// When it signed for the last time, in seconds since 1970.
    replaced_at: i64,
    #[serde(flatten)]
    pub key: Jwk,
}

impl OldKey {
    fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        now.since(Timestamp::from_millis(self.replaced_at.saturating_mul(1000))) > age + ROLLOUT
    }
}

impl StoredKeys {
    pub(super) fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let stored: Self = serde_json::from_str(text.expose_secret()).map_err(|_| MALFORMED)?;
        let mut old = stored.previous.iter().chain(&stored.retired);
        if old.all(|old| old.key.is_valid()) { Ok(stored) } else { Err(MALFORMED) }
    }

    fn to_text(&self) -> SecretString {
        // Texts and numbers alone: there is nothing that JSON cannot say.
        SecretString::from(serde_json::to_string(self).unwrap_or_default())
    }
}

/// A key as PEM or base64.
pub(super) fn parse_key(text: &str) -> Result<EcdsaKeyPair, &'static str> {
    let der = if text.contains("-----BEGIN") {
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| MALFORMED)?;
        SecretSlice::from(der.secret_der().to_vec())
    } else {
        SecretSlice::from(STANDARD.decode(text.trim()).map_err(|_| MALFORMED)?)
    };
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose_secret())
        .map_err(|_| MALFORMED)
}

/// The public half.
pub(super) fn jwk(key: &EcdsaKeyPair) -> Result<Jwk, &'static str> {
    // An uncompressed point is 4, x, y (SEC 1 §2.3.3).
    let (x, y) = match key.public_key().as_ref() {
        [4, point @ ..] => point.split_at_checked(32).ok_or(MALFORMED)?,
        _ => return Err(MALFORMED),
    };
    Ok(Jwk::new(BASE64.encode(x), BASE64.encode(y)))
}

/// A new key set with a current key, as the variable `JWT_KEYS` holds it.
#[must_use]
pub fn new_jwt_keys() -> SecretString {
    StoredKeys { current: new_key(), next: None, previous: Vec::new(), retired: Vec::new() }
        .to_text()
}

/// The next step of a rotation. The first time a `next` key is made, which must be published before
/// it signs. From then on `next` becomes `current`, the key before is kept by its public half, and
/// a new `next` is made. `in_use_since` is when this set came into use, if that was known to be later
/// than it was made: until then the key before went on signing.
pub fn rotate_jwt_keys(
    text: &SecretString,
    in_use_since: Option<Timestamp>,
    now: Timestamp,
) -> Result<SecretString, &'static str> {
    let mut keys = StoredKeys::parse(text)?;
    if let (Some(newest), Some(since)) = (keys.previous.first_mut(), in_use_since) {
        newest.replaced_at = newest.replaced_at.max(since.seconds());
    }
    let current = jwk(&parse_key(&keys.current)?)?;
    if let Some(next) = keys.next.take() {
        parse_key(&next)?;
        keys.previous.insert(0, OldKey { replaced_at: now.seconds(), key: current });
        keys.current = next;
    }
    keys.next = Some(new_key());
    let (expired, previous) =
        keys.previous.into_iter().partition(|key: &OldKey| key.is_older_than(REFRESH_TTL, now));
    keys.previous = previous;
    let expired: Vec<OldKey> = expired;
    keys.retired.splice(0..0, expired);
    keys.retired.retain(|key| !key.is_older_than(EARLIER_TOKEN_TTL, now));
    Ok(keys.to_text())
}

fn new_key() -> String {
    // Of 2^256 values only a few are out of range; another is drawn then.
    loop {
        let bytes = SecretSlice::from(Rng.bytes::<32>().to_vec());
        if let Ok(key) = SecretKey::from_slice(bytes.expose_secret())
            && let Ok(der) = key.to_pkcs8_der()
        {
            break STANDARD.encode(der.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::SigningKeys;
    use aws_lc_rs::rand::SystemRandom;
    use p256::pkcs8::DecodePrivateKey as _;
    use serde_json::json;

    fn parse(text: &str) -> Result<StoredKeys, &'static str> {
        StoredKeys::parse(&SecretString::from(text))
    }

    #[test]
    fn keys_come_as_pem_of_both_kinds_or_base64() {
        let base64 = new_key();
        let key = SecretKey::from_pkcs8_der(&STANDARD.decode(&base64).unwrap()).unwrap();
        let pkcs8 = key.to_pkcs8_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string();
        let sec1 = key.to_sec1_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string();
        let document = |key: &str| {
            let set = json!({ "current": key, "next": base64 }).to_string();
            let keys = SigningKeys::parse(&SecretString::from(set)).unwrap();
            keys.public().document().to_owned()
        };
        for text in [pkcs8, sec1] {
            assert_eq!(document(&text), document(&base64));
        }
        let other = &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let other = EcdsaKeyPair::generate_pkcs8(other, &SystemRandom::new()).unwrap();
        assert!(parse_key(&STANDARD.encode(other.as_ref())).is_err(), "a key of another curve");
        for bad in ["", "{}", "[]", r#"{"current":""}"#, r#"{"current":"AAAA"}"#] {
            assert!(SigningKeys::parse(&SecretString::from(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rotation_publishes_then_signs_then_keeps_then_retires_then_forgets() {
        let day = Duration::from_hours(24);
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        let first = new_jwt_keys();
        let kid = |key: &str| jwk(&parse_key(key).unwrap()).unwrap().kid().to_owned();
        let first_kid = kid(&parse(first.expose_secret()).unwrap().current);

        let prepared = rotate_jwt_keys(&first, None, now).unwrap();
        let set = parse(prepared.expose_secret()).unwrap();
        assert_eq!(kid(&set.current), first_kid, "the new key is published before it signs");
        let next = kid(&set.next.unwrap());
        let mut keys = rotate_jwt_keys(&prepared, None, now).unwrap();
        assert_eq!(kid(&parse(keys.expose_secret()).unwrap().current), next);

        // Every 10 days: all of the last 31 days can still be valid.
        let (mut valid_until, mut known_until) = (now, now);
        for _ in 0..50 {
            now = now + day * 10;
            keys = rotate_jwt_keys(&keys, None, now).unwrap();
            let set = parse(keys.expose_secret()).unwrap();
            let of = |keys: &[OldKey]| keys.iter().any(|old| old.key.kid() == first_kid);
            if of(&set.previous) {
                valid_until = now;
            }
            if of(&set.previous) || of(&set.retired) {
                known_until = now;
            }
            assert!(!(of(&set.previous) && of(&set.retired)));
            assert!(set.previous.len() <= 4);
        }
        let start = Timestamp::from_millis(1_800_000_000_000);
        assert_eq!((valid_until.since(start), known_until.since(start)), (day * 30, day * 400));
        assert!(!keys.expose_secret().contains(&parse(first.expose_secret()).unwrap().current));
    }

    #[test]
    fn a_key_that_signed_on_after_its_successor_was_made_is_kept_for_longer() {
        let day = Duration::from_hours(24);
        let start = Timestamp::from_millis(1_800_000_000_000);
        let keys = rotate_jwt_keys(&new_jwt_keys(), None, start).unwrap();
        let first_kid = jwk(&parse_key(&parse(keys.expose_secret()).unwrap().current).unwrap());
        let first_kid = first_kid.unwrap().kid().to_owned();
        // Made now, and put to use ten days later.
        let keys = rotate_jwt_keys(&keys, None, start).unwrap();
        let is_valid = |keys: &SecretString| {
            let set = parse(keys.expose_secret()).unwrap();
            set.previous.iter().any(|old| old.key.kid() == first_kid)
        };
        let late = rotate_jwt_keys(&keys, Some(start + day * 10), start + day * 32).unwrap();
        assert!(is_valid(&late), "what it signed on the tenth day is valid until the fortieth");
        let later = rotate_jwt_keys(&late, Some(start + day * 32), start + day * 42).unwrap();
        assert!(!is_valid(&later));
        let in_time = rotate_jwt_keys(&keys, Some(start), start + day * 32).unwrap();
        assert!(!is_valid(&in_time));
    }

    #[test]
    fn an_old_key_is_a_public_key_of_the_curve() {
        let rotated = rotate_jwt_keys(&new_jwt_keys(), None, Timestamp::from_millis(0)).unwrap();
        let rotated = rotate_jwt_keys(&rotated, None, Timestamp::from_millis(0)).unwrap();
        let text = rotated.expose_secret();
        assert!(parse(text).is_ok());
        assert!(parse(&text.replace("\"crv\":\"P-256\"", "\"crv\":\"P-384\"")).is_err());
        assert!(parse(&text.replace("\"x\":\"", "\"x\":\"A")).is_err());
    }
}

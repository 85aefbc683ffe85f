//! Signal keys as an app makes them: an identity that signs (XEdDSA), one-time keys by the
//! hundred. Only the public halves, which are all that the service ever sees.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use shared::clock::Rng;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// All keys that were made in this process, by their public identity key.
static MADE: Mutex<Option<HashMap<Vec<u8>, Keys>>> = Mutex::new(None);

const KYBER_PRIME: u16 = 3329;

/// The keys of one device. Two with the same seed are the same.
#[derive(Clone)]
pub struct Keys {
    seed: [u8; 32],
    pub registration: u32,
}

impl Keys {
    /// Keys that nobody else has.
    #[must_use]
    pub fn new() -> Self {
        let seed: [u8; 32] = Rng.bytes();
        let registration = 1 + u32::from(u16::from_le_bytes([seed[0], seed[1]])) % 16380;
        Self::remembered(Self { seed, registration })
    }

    /// Those that sign in the recorded events, as `tests/scripts/signal_keys.py` has them.
    #[must_use]
    pub fn recorded() -> Self {
        let mut seed = [0; 32];
        seed.copy_from_slice(digest(&SHA256, b"the recorded events").as_ref());
        Self::remembered(Self { seed, registration: 1217 })
    }

    /// Keeps keys, so that whoever sends their bundle can sign for it.
    fn remembered(keys: Self) -> Self {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.get_or_insert_default().insert(keys.identity_bytes(), keys.clone());
        keys
    }

    /// The keys behind a public identity key, if they were made here.
    #[must_use]
    pub fn made(identity: &[u8]) -> Option<Self> {
        let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        made.as_ref()?.get(identity).cloned()
    }

    /// The identity key in Montgomery form is that of an Ed25519 key; its sign travels in the
    /// signatures.
    fn signing(&self) -> SigningKey {
        SigningKey::from_bytes(&self.seed)
    }

    /// The 33 bytes of the identity key.
    #[must_use]
    pub fn identity_bytes(&self) -> Vec<u8> {
        typed(5, self.signing().verifying_key().to_montgomery().as_bytes())
    }

    #[must_use]
    pub fn identity(&self) -> String {
        BASE64.encode(self.identity_bytes())
    }

    /// A signature over this message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        let signing = self.signing();
        let mut signature = signing.sign(message).to_bytes();
        signature[63] |= signing.verifying_key().as_bytes()[31] & 0x80;
        BASE64.encode(signature)
    }

    /// The 33 bytes of the public key with this id.
    #[must_use]
    pub fn public_bytes(&self, kind: &str, id: i64) -> Vec<u8> {
        let mut bytes = self.stream(kind, id, 32);
        // Below 2^255: canonical, but for the 19 values that never come.
        bytes[31] &= 0x7f;
        typed(5, &bytes)
    }

    /// The 1569 bytes of the Kyber key with this id: 1024 coefficients of 12 bits and a seed.
    #[must_use]
    pub fn kyber_bytes(&self, kind: &str, id: i64) -> Vec<u8> {
        let mut bytes = self.stream(kind, id, 1568);
        for triple in bytes[..1536].chunks_exact_mut(3) {
            let [a, b, c] = [triple[0], triple[1], triple[2]].map(u16::from);
            let first = (a | (b & 0x0f) << 8) % KYBER_PRIME;
            let second = (b >> 4 | c << 4) % KYBER_PRIME;
            let packed = u32::from(first) | u32::from(second) << 12;
            triple.copy_from_slice(&packed.to_le_bytes()[..3]);
        }
        typed(8, &bytes)
    }

    #[must_use]
    pub fn prekey(&self, id: i64) -> Value {
        let key = self.public_bytes("prekey", id);
        json!({ "keyId": id, "publicKey": BASE64.encode(key) })
    }

    #[must_use]
    pub fn prekeys(&self, ids: Range<i64>) -> Vec<Value> {
        ids.map(|id| self.prekey(id)).collect()
    }

    #[must_use]
    pub fn signed_prekey(&self, id: i64) -> Value {
        let key = self.public_bytes("signed", id);
        let signature = self.sign(&key);
        json!({ "keyId": id, "publicKey": BASE64.encode(key), "signature": signature })
    }

    #[must_use]
    pub fn kyber_prekey(&self, id: i64) -> Value {
        let key = self.kyber_bytes("kyber", id);
        let signature = self.sign(&key);
        json!({ "keyId": id, "publicKey": BASE64.encode(key), "signature": signature })
    }

    #[must_use]
    pub fn kyber_prekeys(&self, ids: Range<i64>) -> Vec<Value> {
        ids.map(|id| self.kyber_prekey(id)).collect()
    }

    /// A `signalKeyBundle`: signed prekey 1, last resort 1,000,000, and these one-time keys. The
    /// proof of possession comes with the verification that it is sent for.
    #[must_use]
    pub fn bundle(&self, prekeys: Range<i64>, kyber_prekeys: Range<i64>) -> Value {
        json!({
            "identityKey": self.identity(),
            "registrationId": self.registration,
            "signedPreKey": self.signed_prekey(1),
            "preKeys": self.prekeys(prekeys),
            "kyberPreKeys": self.kyber_prekeys(kyber_prekeys),
            "kyberLastResortPreKey": self.kyber_prekey(1_000_000),
        })
    }

    /// Pseudo-random bytes: the same for the same device, kind and id.
    fn stream(&self, kind: &str, id: i64, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 32);
        for block in 0_u32.. {
            let input = [&self.seed, kind.as_bytes(), &id.to_le_bytes(), &block.to_le_bytes()];
            bytes.extend_from_slice(digest(&SHA256, &input.concat()).as_ref());
            if bytes.len() >= length {
                break;
            }
        }
        bytes.truncate(length);
        bytes
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

/// SQL that gives devices so many one-time keys of each kind, as no single upload may: those of
/// the identity keys `i` that meet a condition. Their ids are 1 to `count`.
#[must_use]
pub fn stock(condition: &str, count: usize) -> String {
    let page = |kind: i16, width: usize, key: &str| {
        format!(
            r"INSERT INTO auth.prekey_pages (user_id, device_id, kind, identity_id, count, width,
                     arrived_at, hashes, keys)
              SELECT i.user_id, i.device_id, {kind}, i.id, {count}, {width}, 'epoch',
                     string_agg(substr(sha256({key}), 1, 16), '' ORDER BY n),
                     string_agg(int4send(n) || ''::bytea || {key}, '' ORDER BY n)
                FROM auth.identity_keys i CROSS JOIN generate_series(1, {count}) n
               WHERE {condition} GROUP BY i.user_id, i.device_id, i.id
              ON CONFLICT (user_id, device_id, kind) DO UPDATE SET
                identity_id = excluded.identity_id, next = 0, count = excluded.count,
                arrived_at = excluded.arrived_at, hashes = excluded.hashes, keys = excluded.keys;"
        )
    };
    let random = "sha256(convert_to(i.device_id || ' ' || n, 'UTF8'))";
    page(1, 38, &format!(r"''::bytea || {random}"))
        + &page(
            2,
            1638,
            &format!(r"''::bytea || {random} || convert_to(repeat('k', 1600), 'UTF8')"),
        )
}

/// A typed key without its type byte, in base64.
#[must_use]
pub fn raw(key: &[u8]) -> String {
    BASE64.encode(&key[1..])
}

fn typed(of: u8, bytes: &[u8]) -> Vec<u8> {
    [&[of], bytes].concat()
}

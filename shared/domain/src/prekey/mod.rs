//! Signal's public keys: which are taken, whose signatures hold, how long they serve.
//! The keys agree on secrets between the apps; here they are only checked and kept.
//!
//! | file | what it decides |
//! |---|---|
//! | `numbers.rs` | key ids, registration ids, Signal device ids |
//! | `keys.rs` | which strings are keys and signatures |
//! | `curve.rs` | which u-coordinates of Curve25519 are taken |
//! | `xeddsa.rs` | whether signatures are by an identity key |
//! | `proof.rs` | what shows that a client has its identity key |
//! | `fixed_base.rs` | multiples of a point, for many of them |
//! | [`lifecycle`] | when keys run low or out of date |
//! | [`devices`] | how a client's list of devices differs from the stored one |

mod curve;
pub mod devices;
mod error;
mod fixed_base;
mod keys;
pub mod lifecycle;
mod numbers;
mod proof;
#[cfg(test)]
mod tests;
mod xeddsa;

pub use error::KeyError;
pub use keys::{
    CURVE_LENGTH, IdentityKey, KYBER_LENGTH, KyberKey, PublicKey, SIGNATURE_LENGTH, Signature,
    Spelling, decode_base64,
};
pub use numbers::{
    KeyId, KeyIdError, RegistrationId, RegistrationIdError, SignalDeviceId, SignalDeviceIdError,
};
pub use proof::{ProofPurpose, identity_proof_message};
pub use xeddsa::SignatureVerifier;

use sha2::{Digest, Sha256};
use std::time::Duration;

/// One-time keys of one kind that a device may have waiting.
pub const MAX_ONE_TIME_KEYS: usize = 200;
/// Bundles of one answer, each of less than 3,000 bytes: an answer stays below 5 MB, and a Lambda
/// function may give 6. More than the 127 of one user, so that each answer has one user at least.
pub const MAX_BUNDLES: usize = 1600;
/// With fewer unused one-time keys than this a device runs low.
pub const LOW_PREKEY_COUNT: u32 = 20;
/// Unused one-time keys that a device is advised to have.
pub const RECOMMENDED_PREKEY_COUNT: u32 = 100;
/// A signed prekey is active this long after its upload.
pub const SIGNED_PREKEY_TTL: Duration = Duration::from_hours(7 * 24);
/// And is still handed out this long after that: better an old key than no conversation.
pub const SIGNED_PREKEY_GRACE: Duration = Duration::from_hours(30 * 24);
/// A client is asked for the next one when less than this is left.
pub const SIGNED_PREKEY_ROTATION_LEAD: Duration = Duration::from_hours(24);

/// A one-time prekey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prekey {
    pub id: KeyId,
    pub key: PublicKey,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPrekey {
    pub id: KeyId,
    pub key: PublicKey,
    pub signature: Signature,
}

impl SignedPrekey {
    /// The signature is over the typed form, even of a key that was uploaded raw.
    #[must_use]
    pub fn is_signed_by(&self, identity: &SignatureVerifier) -> bool {
        identity.verifies(self.key.as_bytes(), &self.signature)
    }
}

/// A Kyber prekey, one-time or of last resort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KyberPrekey {
    pub id: KeyId,
    pub key: KyberKey,
    pub signature: Signature,
}

impl KyberPrekey {
    #[must_use]
    pub fn is_signed_by(&self, identity: &SignatureVerifier) -> bool {
        identity.verifies(self.key.as_bytes(), &self.signature)
    }
}

/// What a client compares to learn whether the server has the keys it believes it has:
/// the lasting ones with their ids, one after another. Every part has a fixed length,
/// so nothing needs to stand between them.
#[must_use]
pub fn published_keys_digest(
    identity: &PublicKey,
    signed: (KeyId, &PublicKey),
    last_resort: Option<(KeyId, &KyberKey)>,
) -> [u8; 32] {
    let (id, key) = signed;
    let mut hash = Sha256::new()
        .chain_update(identity.as_bytes())
        .chain_update(key_id_bytes(id))
        .chain_update(key.as_bytes());
    if let Some((id, key)) = last_resort {
        hash.update(key_id_bytes(id));
        hash.update(key.as_bytes());
    }
    hash.finalize().into()
}

/// An id in eight bytes, the highest first. Ids are never negative.
fn key_id_bytes(id: KeyId) -> [u8; 8] {
    i64::from(id.get()).to_be_bytes()
}

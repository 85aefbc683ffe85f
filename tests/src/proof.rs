//! Proofs of possession: whoever made the keys of a bundle signs for them, as an app does when it
//! sends its bundle. The bundles of a test are proven by the client that sends them; one that has an
//! `identityProof`, if only `null`, is sent as it is.

use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::Value;
use uuid::Uuid;

use crate::keys::Keys;

/// The issuer of a service that was not told another.
pub const ISSUER: &str = "whispr-auth";

/// What a proof is for: the byte of the purpose, and the id.
#[derive(Clone, Debug)]
pub enum Purpose {
    Verification(Uuid),
    /// Of a challenge as it was scanned.
    Scan(String),
    Link(Uuid),
}

impl Purpose {
    /// What a body with a bundle says of it.
    fn of(body: &Value) -> Option<Self> {
        if let Some(challenge) = body["challenge"].as_str() {
            return Some(Self::Scan(challenge.to_owned()));
        }
        let id = body["verificationId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
        id.map(Self::Verification)
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Verification(id) => [&[1], id.as_bytes().as_slice()].concat(),
            Self::Scan(challenge) => {
                [&[3], digest(&SHA256, challenge.as_bytes()).as_ref()].concat()
            }
            Self::Link(id) => [&[4], id.as_bytes().as_slice()].concat(),
        }
    }
}

/// Adds the proof to the bundle of a register, a log-in or a scan, if it has none, for the
/// verification or the challenge that the body names.
pub fn prove(issuer: &str, body: &mut Value) {
    let bundle = &body["signalKeyBundle"];
    if !bundle.is_object() || bundle.get("identityProof").is_some() {
        return;
    }
    if let Some(purpose) = Purpose::of(body)
        && let Some(proof) = sign(issuer, &purpose, bundle)
    {
        body["signalKeyBundle"]["identityProof"] = proof.into();
    }
}

/// The proof of a bundle whose keys were made here.
#[must_use]
pub fn sign(issuer: &str, purpose: &Purpose, bundle: &Value) -> Option<String> {
    let keys = Keys::made(&curve_bytes(&bundle["identityKey"])?)?;
    Some(keys.sign(&message_for(issuer, purpose, bundle)?))
}

/// What the identity key of a bundle signs for a verification, if the bundle holds keys.
#[must_use]
pub fn message(issuer: &str, verification: &Uuid, bundle: &Value) -> Option<Vec<u8>> {
    message_for(issuer, &Purpose::Verification(*verification), bundle)
}

/// The same for any purpose.
#[must_use]
pub fn message_for(issuer: &str, purpose: &Purpose, bundle: &Value) -> Option<Vec<u8>> {
    let (issuer, keys) = (digest(&SHA256, issuer.as_bytes()), keys_digest(bundle)?);
    let parts =
        [b"\0whispr identity v1".as_slice(), issuer.as_ref(), &purpose.bytes(), keys.as_ref()];
    Some(parts.concat())
}

/// What `/signal/keys/check` compares of a bundle, if it holds keys.
#[must_use]
pub fn keys_digest(bundle: &Value) -> Option<Digest> {
    let mut keys = curve_bytes(&bundle["identityKey"])?;
    keys.extend(id_bytes(&bundle["signedPreKey"]["keyId"])?);
    keys.extend(curve_bytes(&bundle["signedPreKey"]["publicKey"])?);
    let last_resort = &bundle["kyberLastResortPreKey"];
    if !last_resort.is_null() {
        keys.extend(id_bytes(&last_resort["keyId"])?);
        keys.extend(decode(&last_resort["publicKey"])?);
    }
    Some(digest(&SHA256, &keys))
}

fn id_bytes(id: &Value) -> Option<[u8; 8]> {
    id.as_i64().map(i64::to_be_bytes)
}

fn decode(key: &Value) -> Option<Vec<u8>> {
    BASE64.decode(key.as_str()?.trim_end_matches('=')).ok()
}

/// With the type byte, even of a raw key.
fn curve_bytes(key: &Value) -> Option<Vec<u8>> {
    let bytes = decode(key)?;
    Some(if bytes.len() == 32 { [&[5], &bytes[..]].concat() } else { bytes })
}

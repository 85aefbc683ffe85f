//! Signal keys as they stand on the wire, wherever a body holds them: in the bundle of a
//! log-in, or in an upload.
//!
//! What is wrong with the form (a missing field, an id out of range or given twice) is 400,
//! what is wrong with a key is 422.

use domain::prekey::{
    IdentityKey, KeyError, KeyId, KyberKey, KyberPrekey, MAX_ONE_TIME_KEYS, Prekey, ProofPurpose,
    PublicKey, RegistrationId, Signature, SignatureVerifier, SignedPrekey, identity_proof_message,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::hash::Hash;
use utoipa::ToSchema;

use super::examples;
use super::extract::JsonObject;
use super::extract::json::ValidationErrors;
use super::problem::{Code, FieldError, Problem};
use crate::audit::{AuditEntry, SecurityEvent};
use crate::core::Core;
use crate::store::keys::{DeviceKeys, NewKeys};
use crate::store::login::NewLogin;

/// A Curve25519 public key with its id.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Prekey)]
pub struct PrekeyWire {
    #[schema(required, value_type = i64, minimum = 0, maximum = 2_147_483_647)]
    key_id: Option<i64>,
    /// Base64, padded or not, of 33 bytes with type byte 5, or of 32 raw bytes.
    #[schema(required, value_type = String)]
    public_key: Option<String>,
}

/// A Curve25519 public key with its id, signed by the identity key.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedPrekey, example = json!(examples::keys("signedPreKey")))]
pub struct SignedPrekeyWire {
    #[schema(required, value_type = i64, minimum = 0, maximum = 2_147_483_647)]
    key_id: Option<i64>,
    /// Base64, padded or not, of 33 bytes with type byte 5, or of 32 raw bytes.
    #[schema(required, value_type = String)]
    public_key: Option<String>,
    /// Base64 of 64 bytes: XEdDSA over the 33 bytes with the type byte, even of a key that
    /// is sent raw.
    #[schema(required, value_type = String)]
    signature: Option<String>,
}

/// A Kyber-1024 public key with its id, signed by the identity key.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KyberPrekey, example = json!(examples::keys("kyberLastResortPreKey")))]
pub struct KyberPrekeyWire {
    #[schema(required, value_type = i64, minimum = 0, maximum = 2_147_483_647)]
    key_id: Option<i64>,
    /// Base64 of 1569 bytes with type byte 8.
    #[schema(required, value_type = String)]
    public_key: Option<String>,
    /// Base64 of 64 bytes: XEdDSA over the 1569 bytes.
    #[schema(required, value_type = String)]
    signature: Option<String>,
}

/// All public keys of a device.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignalKeyBundle)]
pub struct SignalKeyBundleWire {
    /// Base64, padded or not, of 33 bytes with type byte 5, or of 32 raw bytes. Belongs to
    /// one user; within a user it moves to the device that sends it.
    #[schema(required, value_type = String)]
    identity_key: Option<String>,
    /// Required, unless the service is set up for clients that have none.
    #[schema(minimum = 1, maximum = 16380)]
    registration_id: Option<i64>,
    #[schema(required, value_type = SignedPrekeyWire)]
    signed_pre_key: Option<JsonObject<SignedPrekeyWire>>,
    /// One-time keys, handed out in this order. They replace those that wait; none leaves
    /// them as they are.
    #[schema(required, value_type = Vec<PrekeyWire>, max_items = 200)]
    pre_keys: Option<Vec<JsonObject<PrekeyWire>>>,
    /// One-time Kyber keys, in the same way.
    #[schema(value_type = Option<Vec<KyberPrekeyWire>>, max_items = 200)]
    kyber_pre_keys: Option<Vec<JsonObject<KyberPrekeyWire>>>,
    /// Handed out when no one-time Kyber key is left. Required, unless the service is set
    /// up for clients that have none.
    #[schema(value_type = Option<KyberPrekeyWire>)]
    kyber_last_resort_pre_key: Option<JsonObject<KyberPrekeyWire>>,
    /// Shows that the client has the private identity key. Base64 of 64 bytes: XEdDSA by the
    /// identity key over 100 bytes, which are a zero byte, the text `whispr identity v1`, SHA-256
    /// of the issuer (`iss` of all tokens, by default `whispr-auth`), a byte 1, the 16 bytes of the
    /// `verificationId`, and the digest of these keys as `/signal/keys/check` takes it. With the scan of
    /// a challenge: a byte 3 and SHA-256 of the challenge instead. Required, unless the service is set
    /// up for clients that have none, and except in the request for a link, whose poll brings it.
    identity_proof: Option<String>,
}

impl PrekeyWire {
    fn validate(self, at: &str, errors: &mut ValidationErrors) -> Option<Prekey> {
        let id = key_id(self.key_id, at, errors);
        let key = key(self.public_key, &dotted(at, "publicKey"), errors, PublicKey::parse);
        Some(Prekey { id: id?, key: key? })
    }
}

impl SignedPrekeyWire {
    /// Checks the key of a body that is nothing else, or of the field `at`.
    pub fn validate(self, at: &str, errors: &mut ValidationErrors) -> Option<SignedPrekey> {
        let id = key_id(self.key_id, at, errors);
        let public = key(self.public_key, &dotted(at, "publicKey"), errors, PublicKey::parse);
        let signature = key(self.signature, &dotted(at, "signature"), errors, Signature::parse);
        Some(SignedPrekey { id: id?, key: public?, signature: signature? })
    }
}

impl KyberPrekeyWire {
    /// Checks the key of a body that is nothing else, or of the field `at`.
    pub fn validate(self, at: &str, errors: &mut ValidationErrors) -> Option<KyberPrekey> {
        let id = key_id(self.key_id, at, errors);
        let parse = |text: String| KyberKey::parse(&text);
        let public = key(self.public_key, &dotted(at, "publicKey"), errors, parse);
        let signature = key(self.signature, &dotted(at, "signature"), errors, Signature::parse);
        Some(KyberPrekey { id: id?, key: public?, signature: signature? })
    }
}

impl SignalKeyBundleWire {
    /// The bundle as JSON, with so many one-time keys of each kind at most.
    #[must_use]
    pub fn to_stored(&self, max_one_time_keys: usize) -> Option<String> {
        let mut stored = self.clone();
        if let Some(keys) = &mut stored.pre_keys {
            keys.truncate(max_one_time_keys);
        }
        if let Some(keys) = &mut stored.kyber_pre_keys {
            keys.truncate(max_one_time_keys);
        }
        serde_json::to_string(&stored).ok()
    }

    /// Reads what [`Self::to_stored`] gave, which was valid then.
    #[must_use]
    pub fn from_stored(json: &str) -> Option<DeviceKeys> {
        let stored: Self = serde_json::from_str(json).ok()?;
        stored.validate("signalKeyBundle", &mut ValidationErrors::default())
    }

    pub fn validate(self, at: &str, errors: &mut ValidationErrors) -> Option<DeviceKeys> {
        let identity =
            key(self.identity_key, &dotted(at, "identityKey"), errors, IdentityKey::parse);
        let registration = errors.optional(
            &dotted(at, "registrationId"),
            self.registration_id,
            RegistrationId::new,
        );
        let field = dotted(at, "signedPreKey");
        let signed = match self.signed_pre_key {
            Some(JsonObject(signed)) => signed.validate(&field, errors),
            None => missing(&field, errors),
        };
        let field = dotted(at, "preKeys");
        let prekeys = match self.pre_keys {
            Some(prekeys) => validate_prekeys(prekeys, &field, errors),
            None => missing(&field, errors),
        };
        let kyber_field = dotted(at, "kyberPreKeys");
        let kyber_prekeys =
            validate_kyber_prekeys(self.kyber_pre_keys.unwrap_or_default(), &kyber_field, errors);
        let last_resort = match self.kyber_last_resort_pre_key {
            Some(JsonObject(last)) => {
                Some(last.validate(&dotted(at, "kyberLastResortPreKey"), errors)?)
            }
            None => None,
        };
        let proof = match self.identity_proof {
            Some(proof) => {
                Some(key(Some(proof), &dotted(at, "identityProof"), errors, Signature::parse)?)
            }
            None => None,
        };
        let (kyber_prekeys, prekeys) = (kyber_prekeys?, prekeys?);
        if let Some(last) = &last_resort {
            for (n, one) in kyber_prekeys.iter().enumerate() {
                if one.id == last.id || one.key == last.key {
                    let field = format!("{kyber_field}[{n}]");
                    errors.add(&field, "duplicate", "is the last-resort key, or has its id");
                }
            }
        }
        let (identity, signed) = (identity?, signed?);
        Some(DeviceKeys {
            identity,
            proof,
            registration,
            signed,
            last_resort,
            prekeys,
            kyber_prekeys,
        })
    }
}

/// A list of one-time keys.
pub fn validate_prekeys(
    wires: Vec<JsonObject<PrekeyWire>>,
    at: &str,
    errors: &mut ValidationErrors,
) -> Option<Vec<Prekey>> {
    let keys = list(wires, at, errors, PrekeyWire::validate)?;
    once(&keys, at, errors, |key| key.id, |key| key.key.as_bytes());
    Some(keys)
}

/// A list of one-time Kyber keys.
pub fn validate_kyber_prekeys(
    wires: Vec<JsonObject<KyberPrekeyWire>>,
    at: &str,
    errors: &mut ValidationErrors,
) -> Option<Vec<KyberPrekey>> {
    let keys = list(wires, at, errors, KyberPrekeyWire::validate)?;
    once(&keys, at, errors, |key| key.id, |key| key.key.as_bytes());
    Some(keys)
}

/// Whether a bundle is complete, and its signatures and its proof of possession for this
/// purpose are by its identity key. Costly: after all that could refuse it more cheaply.
pub fn verify_bundle(
    core: &Core,
    issuer: &str,
    purpose: ProofPurpose<'_>,
    keys: &DeviceKeys,
) -> Result<(), Problem> {
    const FIELD: &str = "signalKeyBundle.identityProof";
    require_whole(core, keys)?;
    if keys.proof.is_none() && !core.config.http.legacy_clients {
        let error = FieldError::new(FIELD, "required", "is required");
        return Err(Problem::with_errors(Code::IdentityProofRequired, vec![error]));
    }
    verify_signatures(core, keys)?;
    match &keys.proof {
        Some(proof) => verify_proof(issuer, purpose, keys, proof, FIELD),
        None => Ok(()),
    }
}

/// The same without the proof, which is sent later.
pub fn verify_keys(core: &Core, keys: &DeviceKeys) -> Result<(), Problem> {
    require_whole(core, keys)?;
    verify_signatures(core, keys)
}

fn require_whole(core: &Core, keys: &DeviceKeys) -> Result<(), Problem> {
    if core.config.http.legacy_clients {
        return Ok(());
    }
    let required = [
        ("signalKeyBundle.registrationId", keys.registration.is_none()),
        ("signalKeyBundle.kyberLastResortPreKey", keys.last_resort.is_none()),
    ];
    let missing = required.iter().filter(|(_, missing)| *missing);
    let errors: Vec<_> =
        missing.map(|(field, _)| FieldError::new(field, "required", "is required")).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Problem::with_errors(Code::KyberLastResortRequired, errors))
}

fn verify_signatures(core: &Core, keys: &DeviceKeys) -> Result<(), Problem> {
    let verifier = keys.identity.verifier();
    let mut signature_errors = SignatureErrors::default();
    signature_errors.signed(
        core,
        &verifier,
        &keys.signed,
        "signalKeyBundle.signedPreKey.signature",
    );
    signature_errors.kyber_list(&verifier, &keys.kyber_prekeys, "signalKeyBundle.kyberPreKeys");
    if let Some(last) = &keys.last_resort {
        signature_errors.kyber(&verifier, last, "signalKeyBundle.kyberLastResortPreKey.signature");
    }
    signature_errors.into_result()
}

/// Whether a proof of possession is by the identity key of these keys, for this purpose.
pub fn verify_proof(
    issuer: &str,
    purpose: ProofPurpose<'_>,
    keys: &DeviceKeys,
    proof: &Signature,
    field: &str,
) -> Result<(), Problem> {
    let message = identity_proof_message(issuer, purpose, &keys.digest());
    if keys.identity.verifier().verifies(&message, proof) {
        return Ok(());
    }
    let detail = "is not by the identity key for this purpose, this id and these keys";
    Err(Problem::with_errors(Code::KeyInvalid, vec![FieldError::new(field, "invalid", detail)]))
}

/// How many unproven claims to one identity key a log-in ends: others may come in between.
const MAX_UNPROVEN_CLAIMS: usize = 3;

/// Makes way for a log-in whose identity key is another user's, if this one has proven that the
/// key is its own and the other never did. True if the log-in is worth another try.
pub async fn claim_again(
    core: &Core,
    login: &NewLogin,
    tries: &mut usize,
) -> Result<bool, Problem> {
    let proven = login.keys.as_ref().filter(|new| new.keys.proof.is_some());
    let Some(NewKeys { keys, .. }) = proven else { return Ok(false) };
    if *tries >= MAX_UNPROVEN_CLAIMS {
        return Ok(false);
    }
    *tries += 1;
    // Into the chain of the other user, who must not learn this one's address.
    let event = SecurityEvent::IdentityKeyLost;
    let audit = AuditEntry::new(event, None, "", login.now, core.rng);
    Ok(core.store.end_unproven_claim(&keys.identity, login.now, &audit).await?)
}

/// A one-time Kyber key that is the last resort too, or has its id, as the store found.
#[must_use]
pub fn last_resort_clash(field: &str) -> Problem {
    let detail = "a one-time Kyber key and the last resort are the same, or share an id";
    Problem::invalid(vec![FieldError::new(field, "duplicate", detail)])
}

/// Collects signatures that are not by the identity key.
#[derive(Default)]
pub struct SignatureErrors(Vec<FieldError>);

impl SignatureErrors {
    /// Shipped clients sign in their own way: with `LEGACY_CLIENTS` it is only written down.
    pub fn signed(
        &mut self,
        core: &Core,
        verifier: &SignatureVerifier,
        key: &SignedPrekey,
        field: &str,
    ) {
        if key.is_signed_by(verifier) {
            return;
        }
        if core.config.http.legacy_clients {
            core.metrics.count("auth_prekey_signatures_invalid_total");
            tracing::warn!("accepted a signed prekey with an invalid signature");
        } else {
            self.add(field);
        }
    }

    pub fn kyber_list(&mut self, verifier: &SignatureVerifier, keys: &[KyberPrekey], field: &str) {
        let signed: Vec<(&[u8], &Signature)> =
            keys.iter().map(|key| (key.key.as_bytes(), &key.signature)).collect();
        for (n, verified) in verifier.verify_all(&signed).into_iter().enumerate() {
            if !verified {
                self.add(&format!("{field}[{n}].signature"));
            }
        }
    }

    pub fn kyber(&mut self, verifier: &SignatureVerifier, key: &KyberPrekey, field: &str) {
        if !key.is_signed_by(verifier) {
            self.add(field);
        }
    }

    fn add(&mut self, field: &str) {
        self.0.push(FieldError::new(field, "invalid", "is not by the identity key"));
    }

    pub fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::with_errors(Code::KeyInvalid, self.0))
    }
}

fn dotted(at: &str, field: &str) -> String {
    if at.is_empty() { field.to_owned() } else { format!("{at}.{field}") }
}

fn missing<T>(field: &str, errors: &mut ValidationErrors) -> Option<T> {
    errors.add(field, "required", "is required");
    None
}

fn key_id(value: Option<i64>, at: &str, errors: &mut ValidationErrors) -> Option<KeyId> {
    errors.required(&dotted(at, "keyId"), value, KeyId::new)
}

fn key<T>(
    value: Option<String>,
    field: &str,
    errors: &mut ValidationErrors,
    parse: impl FnOnce(String) -> Result<T, KeyError>,
) -> Option<T> {
    let Some(value) = value else { return missing(field, errors) };
    match parse(value) {
        Ok(key) => Some(key),
        Err(error) => {
            errors.add_key(field, error);
            None
        }
    }
}

/// Checks every element, so that all errors are reported at once.
fn list<W, T>(
    wires: Vec<JsonObject<W>>,
    at: &str,
    errors: &mut ValidationErrors,
    check: impl Fn(W, &str, &mut ValidationErrors) -> Option<T>,
) -> Option<Vec<T>> {
    if wires.len() > MAX_ONE_TIME_KEYS {
        errors.add(at, "too_many", format!("must hold at most {MAX_ONE_TIME_KEYS} keys"));
        return None;
    }
    let checked = wires.into_iter().enumerate();
    let checked: Vec<Option<T>> =
        checked.map(|(n, JsonObject(wire))| check(wire, &format!("{at}[{n}]"), errors)).collect();
    checked.into_iter().collect()
}

/// An id, and a key, is given once in a list.
fn once<'k, T, I: Eq + Hash, K: Eq + Hash>(
    keys: &'k [T],
    at: &str,
    errors: &mut ValidationErrors,
    id: impl Fn(&'k T) -> I,
    key: impl Fn(&'k T) -> K,
) {
    let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
    for (n, one) in keys.iter().enumerate() {
        if !ids.insert(id(one)) {
            errors.add(&format!("{at}[{n}].keyId"), "duplicate", "is given twice");
        }
        if !seen.insert(key(one)) {
            errors.add(&format!("{at}[{n}].publicKey"), "duplicate", "is given twice");
        }
    }
}

//! Request and response bodies, and the parsing of requests into domain types.

use domain::prekey::{KyberPrekey, Prekey, SignedPrekey};
use serde::{Deserialize, Serialize};
use shared::http::examples;
use shared::http::extract::JsonObject;
use shared::http::extract::json::{KEYS_BODY_LIMIT, Validate, ValidationErrors};
use shared::http::signal_keys::{
    KyberPrekeyWire, PrekeyWire, SignedPrekeyWire, validate_kyber_prekeys, validate_prekeys,
};
use utoipa::ToSchema;

pub struct SignedUpload(pub SignedPrekey);

impl Validate for SignedUpload {
    type Wire = SignedPrekeyWire;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: SignedPrekeyWire, errors: &mut ValidationErrors) -> Option<Self> {
        wire.validate("", errors).map(Self)
    }
}

pub struct LastResortUpload(pub KyberPrekey);

impl Validate for LastResortUpload {
    type Wire = KyberPrekeyWire;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: KyberPrekeyWire, errors: &mut ValidationErrors) -> Option<Self> {
        wire.validate("", errors).map(Self)
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "preKeys": examples::keys("preKeys") }))]
pub struct PrekeysRequest {
    /// Handed out in this order. They replace the unused keys. An empty list changes nothing.
    #[schema(required, value_type = Vec<PrekeyWire>, max_items = 200)]
    pre_keys: Option<Vec<JsonObject<PrekeyWire>>>,
}

pub struct Prekeys(pub Vec<Prekey>);

impl Validate for Prekeys {
    type Wire = PrekeysRequest;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: PrekeysRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let Some(keys) = wire.pre_keys else {
            errors.add("preKeys", "required", "is required");
            return None;
        };
        validate_prekeys(keys, "preKeys", errors).map(Self)
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "kyberPreKeys": examples::keys("kyberPreKeys") }))]
pub struct KyberPrekeysRequest {
    /// Handed out in this order. They replace the unused keys. An empty list changes nothing.
    #[schema(required, value_type = Vec<KyberPrekeyWire>, max_items = 200)]
    kyber_pre_keys: Option<Vec<JsonObject<KyberPrekeyWire>>>,
}

pub struct KyberPrekeys(pub Vec<KyberPrekey>);

impl Validate for KyberPrekeys {
    type Wire = KyberPrekeysRequest;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: KyberPrekeysRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let Some(keys) = wire.kyber_pre_keys else {
            errors.add("kyberPreKeys", "required", "is required");
            return None;
        };
        validate_kyber_prekeys(keys, "kyberPreKeys", errors).map(Self)
    }
}

#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    #[schema(example = "The prekeys are stored.")]
    pub message: &'static str,
    /// Number of stored one-time keys. Keys that were handed out before are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<u32>,
}

//! Request and response bodies, and the parsing of requests into domain types.

use domain::prekey::decode_base64;
use serde::{Deserialize, Serialize};
use shared::http::examples;
use shared::http::extract::json::{Validate, ValidationErrors};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "digest": examples::keys("digest") }))]
pub struct KeysCheckRequest {
    /// Base64 of SHA-256 over: identity key (33 bytes), id of the signed prekey (8 bytes,
    /// big-endian), signed prekey (33 bytes), and, if published, id (8 bytes) and key (1569 bytes)
    /// of the last-resort Kyber prekey. EC keys are 33 bytes with the type byte, even if they
    /// were uploaded as 32 bytes.
    #[schema(required, value_type = String)]
    digest: Option<String>,
}

pub struct KeysDigest(pub [u8; 32]);

impl Validate for KeysDigest {
    type Wire = KeysCheckRequest;

    fn validate(wire: KeysCheckRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let digest = errors.required("digest", wire.digest, |text| {
            let bytes = decode_base64(&text).ok();
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("is not base64 of 32 bytes")
        });
        digest.map(Self)
    }
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "match": true }))]
pub struct KeysMatch {
    pub r#match: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "userId": examples::USER_ID,
    "availablePreKeys": 2,
    "availableKyberPreKeys": 0,
    "isLow": true,
    "hasActiveSignedPreKey": true,
    "totalPreKeys": 5,
    "recommendedUpload": 100,
}))]
pub struct KeyStatusBody {
    pub user_id: Uuid,
    pub available_pre_keys: u32,
    pub available_kyber_pre_keys: u32,
    /// Fewer than 20 one-time EC keys are unused, or fewer than 20 one-time Kyber keys of a device
    /// that uploads some.
    pub is_low: bool,
    /// The signed prekey is younger than 7 days.
    pub has_active_signed_pre_key: bool,
    /// The one-time EC prekeys of the last upload, including those that were handed out.
    pub total_pre_keys: u32,
    /// Keys to upload of each kind that is low: 100, or 0 if none is. An upload replaces the
    /// unused keys of its kind.
    pub recommended_upload: u32,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "needsPreKeyReplenishment": true,
    "needsSignedPreKeyRotation": false,
    "availablePreKeys": 2,
    "recommendedPreKeyUpload": 100,
    "signedPreKeyExpiresAt": examples::SIGNED_PREKEY_EXPIRES_AT,
}))]
pub struct Recommendations {
    /// Fewer than 20 one-time EC keys are unused, or fewer than 20 one-time Kyber keys of a device
    /// that uploads some. The status of the device has both numbers.
    pub needs_pre_key_replenishment: bool,
    /// The signed prekey is missing or expires in less than a day.
    pub needs_signed_pre_key_rotation: bool,
    pub available_pre_keys: u32,
    /// Keys to upload of each kind that is low: 100, or 0 if none is.
    pub recommended_pre_key_upload: u32,
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_pre_key_expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "status": "degraded",
    "timestamp": examples::TIMESTAMP,
    "needs_replenishment": true,
    "prekeys_remaining": 2,
    "signed_prekey_age_days": 0,
}))]
pub struct KeyHealth {
    /// `degraded` if keys should be uploaded, else `healthy`.
    #[schema(pattern = "^(healthy|degraded)$")]
    pub status: &'static str,
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// One-time keys are low, or the signed prekey is missing or expires in less than a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_replenishment: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prekeys_remaining: Option<u32>,
    /// Age in whole days. Absent if there is no signed prekey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_prekey_age_days: Option<u64>,
}

//! Bodies as they stand on the wire, and their way into the domain.

use domain::ids::UserId;
use domain::prekey::devices::DirectoryDevice;
use domain::prekey::{KyberPrekey, Prekey, RegistrationId, SignalDeviceId, SignedPrekey, decode};
use serde::{Deserialize, Serialize};
use shared::http::extract::JsonObject;
use shared::http::extract::json::{KEYS_BODY_LIMIT, Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use shared::http::signal_keys::{
    KyberPrekeyWire, PrekeyWire, SignedPrekeyWire, validate_kyber_prekeys, validate_prekeys,
};
use std::collections::HashSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// Users whose bundles one call fetches.
const MAX_USERS: usize = 50;
/// Devices of a user that a sender can know.
const MAX_DEVICES: usize = 127;

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
pub struct PrekeysRequest {
    /// Handed out in this order. They replace those that wait; none leaves them as they are.
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
pub struct KyberPrekeysRequest {
    /// Handed out in this order. They replace those that wait; none leaves them as they are.
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

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlesRequest {
    /// Whose bundles are wanted; one that is named twice counts once.
    #[schema(required, value_type = Vec<Uuid>, min_items = 1, max_items = 50)]
    user_ids: Option<Vec<String>>,
}

pub struct Users(pub Vec<UserId>);

impl Validate for Users {
    type Wire = BundlesRequest;

    fn validate(wire: BundlesRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let ids = errors.required("userIds", wire.user_ids, |ids| {
            if (1..=MAX_USERS).contains(&ids.len()) {
                Ok(ids)
            } else {
                Err("must hold 1 to 50 ids")
            }
        })?;
        let mut users = Vec::with_capacity(ids.len());
        for (n, id) in ids.into_iter().enumerate() {
            let id = errors.optional(&format!("userIds[{n}]"), Some(id), |id| uuid(&id));
            let user = id.map(UserId::from_uuid);
            users.extend(user.filter(|user| !users.contains(user)));
        }
        Some(Self(users))
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DevicesCheckRequest {
    #[schema(required, value_type = Uuid)]
    user_id: Option<String>,
    /// The devices that the sender encrypts for.
    #[schema(required, value_type = Vec<KnownDeviceWire>, max_items = 127)]
    devices: Option<Vec<JsonObject<KnownDeviceWire>>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KnownDevice)]
pub struct KnownDeviceWire {
    #[schema(required, value_type = i64, minimum = 1, maximum = 127)]
    signal_device_id: Option<i64>,
    /// As it stood in the bundle; left out if it did not.
    #[schema(minimum = 1, maximum = 16380)]
    registration_id: Option<i64>,
}

pub struct KnownDevices {
    pub user: UserId,
    pub devices: Vec<DirectoryDevice>,
}

impl Validate for KnownDevices {
    type Wire = DevicesCheckRequest;

    fn validate(wire: DevicesCheckRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let user = errors.required("userId", wire.user_id, |id| uuid(&id));
        let wires = errors.required("devices", wire.devices, |devices| {
            if devices.len() <= MAX_DEVICES { Ok(devices) } else { Err("must hold at most 127") }
        })?;
        let mut seen = HashSet::new();
        let mut devices = Vec::with_capacity(wires.len());
        for (n, JsonObject(wire)) in wires.into_iter().enumerate() {
            let field = format!("devices[{n}].signalDeviceId");
            let id = errors.required(&field, wire.signal_device_id, SignalDeviceId::new);
            let registration = errors.optional(
                &format!("devices[{n}].registrationId"),
                wire.registration_id,
                RegistrationId::new,
            );
            let Some(id) = id else { continue };
            if !seen.insert(id) {
                errors.add(&field, "duplicate", "is given twice");
            }
            devices.push(DirectoryDevice { id, registration });
        }
        Some(Self { user: UserId::from_uuid(user?), devices })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeysCheckRequest {
    /// Base64 of SHA-256 over identity key (33 bytes), id of the signed prekey (8 bytes, the
    /// highest first), signed prekey (33), and, if there is one, id (8) and key (1569) of the
    /// Kyber last resort. Curve keys in their form with the type byte, even if uploaded raw.
    #[schema(required, value_type = String)]
    digest: Option<String>,
}

pub struct KeysDigest(pub [u8; 32]);

impl Validate for KeysDigest {
    type Wire = KeysCheckRequest;

    fn validate(wire: KeysCheckRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let digest = errors.required("digest", wire.digest, |text| {
            let bytes = decode(&text).ok();
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("is not base64 of 32 bytes")
        });
        digest.map(Self)
    }
}

#[derive(Serialize, ToSchema)]
pub struct Uploaded {
    #[schema(example = "The prekeys are stored.")]
    pub message: &'static str,
    /// One-time keys that now wait: those that were handed out before are passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyDevices {
    pub user_id: Uuid,
    pub device_ids: Vec<Uuid>,
    pub devices: Vec<KeyDevice>,
    /// Moves with every device that comes or goes, every new identity key or registration
    /// id: the same number means the same list.
    pub version: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "names of the contract")]
pub struct KeyDevice {
    pub device_id: Uuid,
    #[schema(minimum = 1, maximum = 127)]
    pub signal_device_id: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<i32>,
}

/// A public key with its id, as it was uploaded.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundlePrekey {
    pub key_id: i32,
    pub public_key: String,
}

#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundleSignedPrekey {
    pub key_id: i32,
    pub public_key: String,
    pub signature: String,
}

/// What a sender needs to begin a session with a device.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    pub user_id: Uuid,
    pub device_id: Uuid,
    #[schema(minimum = 1, maximum = 127)]
    pub signal_device_id: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<i32>,
    pub identity_key: String,
    pub signed_pre_key: BundleSignedPrekey,
    /// A one-time key that nobody else gets; absent when none is left, or when this caller
    /// had its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_key: Option<BundlePrekey>,
    /// A one-time Kyber key, else the one of last resort; absent only if the device has none of
    /// either, as a shipped client's may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kyber_pre_key: Option<BundleSignedPrekey>,
}

/// The bundle of one device, and its fields again in the names of older clients.
#[derive(Serialize, ToSchema)]
pub struct DeviceBundle {
    #[serde(flatten)]
    pub bundle: Bundle,
    /// Of the user's device list.
    pub version: i64,
    pub identity_key: String,
    pub signed_prekey: SnakeSignedPrekey,
    /// At most one.
    pub one_time_prekeys: Vec<SnakePrekey>,
}

#[derive(Serialize, ToSchema)]
pub struct SnakeSignedPrekey {
    pub key_id: i32,
    pub public_key: String,
    pub signature: String,
}

#[derive(Serialize, ToSchema)]
pub struct SnakePrekey {
    pub key_id: i32,
    pub public_key: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserBundles {
    pub user_id: Uuid,
    /// Of the user's device list.
    pub version: i64,
    /// By Signal device id. A device without keys is left out, and so is the caller's own.
    pub devices: Vec<Bundle>,
}

#[derive(Serialize, ToSchema)]
pub struct SeveralBundles {
    /// In the order in which they were asked for; without those that have no keys.
    pub users: Vec<UserBundles>,
}

#[derive(Serialize, ToSchema)]
pub struct DeviceDifferences {
    /// Signal device ids that the sender does not know. One whose bundle does not come has not
    /// rotated its signed prekey for long, and is passed over.
    pub missing: Vec<i16>,
    /// Those that are no more.
    pub extra: Vec<i16>,
    /// Those whose registration id is another now: their sessions must be begun anew.
    pub stale: Vec<i16>,
}

#[derive(Serialize, ToSchema)]
pub struct KeysMatch {
    pub r#match: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatusBody {
    pub user_id: Uuid,
    pub available_pre_keys: u32,
    pub available_kyber_pre_keys: u32,
    /// Fewer than 20 one-time keys are left.
    pub is_low: bool,
    /// It is within its seven days.
    pub has_active_signed_pre_key: bool,
    /// Those that were handed out included.
    pub total_pre_keys: u32,
    pub recommended_upload: u32,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendations {
    pub needs_pre_key_replenishment: bool,
    /// There is no signed prekey, or less than a day is left of its seven.
    pub needs_signed_pre_key_rotation: bool,
    pub available_pre_keys: u32,
    pub recommended_pre_key_upload: u32,
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_pre_key_expires_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct KeyHealth {
    /// `healthy`, or `degraded` when something should be uploaded.
    #[schema(pattern = "^(healthy|degraded)$")]
    pub status: &'static str,
    #[schema(format = DateTime)]
    pub timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_replenishment: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prekeys_remaining: Option<u32>,
    /// In whole days; absent without a signed prekey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_prekey_age_days: Option<u64>,
}

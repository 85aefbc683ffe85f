//! Request and response bodies, and the parsing of requests into domain types.

use domain::device::{MAX_NAME, MAX_PUSH_TOKEN};
use domain::ids::DeviceId;
use domain::text::bounded;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::date_time;
use shared::http::account_devices::DeviceTypeBody;
use shared::http::examples;
use shared::http::extract::fresh_proof::ShownFields;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::store::devices::{AccountDevice, DeviceUpdate};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// `{deviceId}` of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the id, which `PathIds` reads")]
pub struct OwnDeviceInPath {
    /// The `deviceId` that the log-in of the device answered, or the `id` in the list of devices.
    #[param(rename = "deviceId", example = json!(examples::DEVICE_ID))]
    device_id: Uuid,
}

pub fn device_example() -> Value {
    json!({
        "id": examples::DEVICE_ID,
        "deviceName": examples::DEVICE_NAME,
        "deviceType": "ios",
        "model": "iPhone17,1",
        "osVersion": "18.3",
        "appVersion": "2.4.1",
        "lastActive": examples::TIMESTAMP,
        "createdAt": examples::TIMESTAMP,
        "isVerified": true,
        "isActive": true,
        "isCurrent": true,
        "name": examples::DEVICE_NAME,
        "platform": "ios",
    })
}

/// A device of the caller.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own in the answer")]
#[serde(rename_all = "camelCase")]
#[schema(as = Device, example = json!(device_example()))]
pub struct OwnDevice {
    id: Uuid,
    device_name: String,
    device_type: DeviceTypeBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<String>,
    /// The last log-in or refresh.
    #[schema(format = DateTime)]
    last_active: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// False for a device that logged in by SMS alone on an account with other devices.
    is_verified: bool,
    /// Whether it is logged in.
    is_active: bool,
    /// Whether it is the device that asks.
    is_current: bool,
    /// `deviceName` for older clients.
    name: String,
    /// `deviceType` for older clients.
    platform: DeviceTypeBody,
    // Names that older clients read, and that generators of clients take for those above.
    #[serde(rename = "last_active")]
    #[schema(ignore)]
    last_active_alias: String,
    #[serde(rename = "is_current")]
    #[schema(ignore)]
    is_current_alias: bool,
}

impl OwnDevice {
    pub fn new(device: AccountDevice, own: DeviceId) -> Self {
        let (is_current, last_active) = (device.id == own, date_time(device.last_active));
        Self {
            id: *device.id.as_uuid(),
            name: device.name.clone(),
            device_name: device.name,
            device_type: device.kind.into(),
            model: device.model,
            os_version: device.os_version,
            app_version: device.app_version,
            last_active_alias: last_active.clone(),
            last_active,
            created_at: date_time(device.created_at),
            is_verified: device.is_verified,
            is_active: device.is_active,
            is_current,
            platform: device.kind.into(),
            is_current_alias: is_current,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "deviceName": examples::DEVICE_NAME }))]
pub struct DeviceUpdateRequest {
    #[schema(min_length = 1, max_length = 100)]
    device_name: Option<String>,
    #[schema(min_length = 1, max_length = 4096)]
    fcm_token: Option<String>,
    #[schema(min_length = 1, max_length = 4096)]
    apns_token: Option<String>,
}

pub struct ValidUpdate(pub DeviceUpdate);

impl Validate for ValidUpdate {
    type Wire = DeviceUpdateRequest;

    fn validate(wire: DeviceUpdateRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let mut text = |field, value, max| errors.optional(field, value, |v| bounded(v, max));
        Some(Self(DeviceUpdate {
            name: text("deviceName", wire.device_name, MAX_NAME),
            fcm_token: text("fcmToken", wire.fcm_token, MAX_PUSH_TOKEN),
            apns_token: text("apnsToken", wire.apns_token, MAX_PUSH_TOKEN),
        }))
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({}))]
pub struct DeviceRemovalRequest {
    /// For an older device: a log-in verification of the account's number, confirmed and not used.
    /// Needed if the log-in of this session is older than 10 minutes and the account has no second
    /// factor, and used up then.
    #[schema(value_type = Option<Uuid>)]
    proof_verification_id: Option<String>,
    /// For an older device, if the account has a second factor and this session has not shown it in
    /// the last 10 minutes. A code is good once.
    #[schema(pattern = "^([0-9]{6}|[A-Za-z2-9]{4}-?[A-Za-z2-9]{4})$")]
    two_factor_token: Option<String>,
}

/// What removes an older device.
pub struct RemovalProof(pub ShownFields);

impl Validate for RemovalProof {
    type Wire = DeviceRemovalRequest;

    fn validate(wire: DeviceRemovalRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let shown = ShownFields::parse(wire.proof_verification_id, wire.two_factor_token, errors);
        Some(Self(shown))
    }
}

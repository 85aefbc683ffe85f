//! Request and response bodies, and the parsing of requests into domain types.

use domain::ids::UserId;
use domain::prekey::devices::DirectoryDevice;
use domain::prekey::{RegistrationId, SignalDeviceId};
use serde::{Deserialize, Serialize};
use shared::http::examples;
use shared::http::extract::JsonObject;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use std::collections::HashSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// Maximum number of devices in a sender's list.
const MAX_DEVICES: usize = 127;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "userId": examples::USER_ID,
    "devices": [
        { "signalDeviceId": 1, "registrationId": examples::registration_id() },
        { "signalDeviceId": 2, "registrationId": 4102 },
    ],
}))]
pub struct DevicesCheckRequest {
    /// The `userId` that the registration of the user answered.
    #[schema(required, value_type = Uuid)]
    user_id: Option<String>,
    /// The devices for which the sender encrypts.
    #[schema(required, value_type = Vec<KnownDeviceWire>, max_items = 127)]
    devices: Option<Vec<JsonObject<KnownDeviceWire>>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KnownDevice)]
pub struct KnownDeviceWire {
    #[schema(required, value_type = i64, minimum = 1, maximum = 127)]
    signal_device_id: Option<i64>,
    /// The value of the bundle. Omit it if the bundle had none.
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

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "userId": examples::USER_ID,
    "deviceIds": [examples::DEVICE_ID],
    "devices": [{
        "deviceId": examples::DEVICE_ID,
        "signalDeviceId": 1,
        "registrationId": examples::registration_id(),
    }],
    "version": 2,
}))]
pub struct KeyDevices {
    pub user_id: Uuid,
    pub device_ids: Vec<Uuid>,
    pub devices: Vec<KeyDevice>,
    /// Increases when a device is added or removed, or comes back after the grace period of its
    /// signed prekey, and when an identity key, a registration id or `isVerified` changes. An
    /// equal version means an equal list, without the devices whose grace period has ended since.
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

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "missing": [], "extra": [2], "stale": [] }))]
pub struct DeviceDifferences {
    /// Signal device ids that the sender does not have: fetch their bundles. Devices whose signed
    /// prekey is past its grace period are not listed.
    pub missing: Vec<i16>,
    /// Signal device ids that no longer exist.
    pub extra: Vec<i16>,
    /// Signal device ids whose registration id has changed: start a new session with them.
    pub stale: Vec<i16>,
}

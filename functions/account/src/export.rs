//! All data of an account, as its user takes it away. No secrets, no hashes, no push tokens.

use serde::Serialize;
use shared::clock::date_time;
use shared::http::account_devices::DeviceTypeBody;
use shared::http::examples;
use shared::store::account::{AccountOverview, ExportedKeys, ExportedSession};
use shared::store::devices::{AccountDevice, LogIn, SecurityEntry};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "account": {
        "userId": examples::USER_ID,
        "phoneNumber": examples::PHONE_NUMBER,
        "createdAt": examples::TIMESTAMP,
        "lastAuthenticatedAt": examples::TIMESTAMP,
        "twoFactorEnabled": false,
        "registrationLock": false,
    },
    "devices": [{
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
    }],
    "sessions": [{
        "id": examples::SESSION_ID,
        "deviceId": examples::DEVICE_ID,
        "createdAt": examples::TIMESTAMP,
        "lastRefreshedAt": examples::TIMESTAMP,
        "expiresAt": "2026-04-11T09:29:00Z",
    }],
    "loginHistory": [{
        "deviceId": examples::DEVICE_ID,
        "ipAddress": examples::ADDRESS,
        "status": "success",
        "createdAt": examples::TIMESTAMP,
    }],
    "securityEvents": [{
        "seq": 1,
        "entry": {
            "event": "user_registered",
            "at": 1_773_307_740_000_i64,
            "sessionId": examples::SESSION_ID,
            "address": "W8xvQkYyTn3aLd0sPj5eGh1uRc7mZb2iXoKtVf9wAqE",
        },
        "ipAddress": examples::ADDRESS,
    }],
    "publicKeys": [],
}))]
pub struct AccountExport {
    pub account: ExportedAccount,
    pub devices: Vec<ExportedDevice>,
    /// The newest 5,000. Sessions are kept for 400 days after they end.
    pub sessions: Vec<ExportedSessionBody>,
    /// The newest 5,000.
    pub login_history: Vec<ExportedLogIn>,
    /// The newest 5,000.
    pub security_events: Vec<ExportedSecurityEvent>,
    /// Of each device that published keys.
    pub public_keys: Vec<ExportedPublicKeys>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedAccount {
    user_id: Uuid,
    /// Not masked.
    phone_number: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_authenticated_at: String,
    two_factor_enabled: bool,
    registration_lock: bool,
}

impl From<AccountOverview> for ExportedAccount {
    fn from(found: AccountOverview) -> Self {
        Self {
            user_id: *found.user.as_uuid(),
            phone_number: found.phone.as_e164().to_owned(),
            created_at: date_time(found.created_at),
            last_authenticated_at: date_time(found.last_authenticated_at),
            two_factor_enabled: found.two_factor_enabled,
            registration_lock: found.registration_lock,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedDevice {
    id: Uuid,
    device_name: String,
    device_type: DeviceTypeBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<String>,
    #[schema(format = DateTime)]
    last_active: String,
    #[schema(format = DateTime)]
    created_at: String,
    is_verified: bool,
    is_active: bool,
}

impl From<AccountDevice> for ExportedDevice {
    fn from(device: AccountDevice) -> Self {
        Self {
            id: *device.id.as_uuid(),
            device_name: device.name,
            device_type: device.kind.into(),
            model: device.model,
            os_version: device.os_version,
            app_version: device.app_version,
            last_active: date_time(device.last_active),
            created_at: date_time(device.created_at),
            is_verified: device.is_verified,
            is_active: device.is_active,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedSession)]
pub struct ExportedSessionBody {
    id: Uuid,
    device_id: Uuid,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_refreshed_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Why it ended, as `logout` or `replaced`. New reasons may be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_for: Option<String>,
}

impl From<ExportedSession> for ExportedSessionBody {
    fn from(session: ExportedSession) -> Self {
        Self {
            id: *session.id.as_uuid(),
            device_id: *session.device.as_uuid(),
            created_at: date_time(session.created_at),
            last_refreshed_at: date_time(session.last_refreshed_at),
            expires_at: date_time(session.expires_at),
            ended_at: session.ended_at.map(date_time),
            ended_for: session.ended_for,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedLogIn {
    /// Absent if the device was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<Uuid>,
    ip_address: String,
    /// `success` or `failed`.
    status: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<LogIn> for ExportedLogIn {
    fn from(log_in: LogIn) -> Self {
        Self {
            device_id: log_in.device.map(|device| *device.as_uuid()),
            ip_address: log_in.address,
            status: log_in.status,
            created_at: date_time(log_in.position.at),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedSecurityEvent {
    /// Its place in the log of this account: 1, 2, 3 …
    #[schema(minimum = 1)]
    seq: i64,
    /// As the log holds it, with a commitment to the address.
    #[schema(value_type = Object)]
    entry: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
}

impl From<SecurityEntry> for ExportedSecurityEvent {
    fn from(SecurityEntry { seq, mut entry, address }: SecurityEntry) -> Self {
        // Who of the operator's staff it was is not the user's data.
        if let Some(fields) = entry.as_object_mut() {
            fields.remove("caller");
        }
        Self { seq, entry, ip_address: address.filter(|address| !address.is_empty()) }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedPublicKeys {
    device_id: Uuid,
    #[schema(minimum = 1, maximum = 127)]
    #[serde(skip_serializing_if = "Option::is_none")]
    signal_device_id: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<i32>,
    /// Base64.
    identity_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_pre_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kyber_last_resort_pre_key: Option<String>,
    /// One-time keys that nobody fetched yet.
    #[schema(minimum = 0)]
    available_pre_keys: i64,
    #[schema(minimum = 0)]
    available_kyber_pre_keys: i64,
}

impl From<ExportedKeys> for ExportedPublicKeys {
    fn from(keys: ExportedKeys) -> Self {
        Self {
            device_id: *keys.device.as_uuid(),
            signal_device_id: keys.signal_device,
            registration_id: keys.registration,
            identity_key: keys.identity_key,
            signed_pre_key: keys.signed_prekey,
            kyber_last_resort_pre_key: keys.last_resort,
            available_pre_keys: keys.unused_prekeys,
            available_kyber_pre_keys: keys.unused_kyber_prekeys,
        }
    }
}

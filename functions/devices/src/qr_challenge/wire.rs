//! Request and response bodies, and the parsing of requests into domain types.

use domain::ids::DeviceId;
use domain::qr::{Challenge, QrSecret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::http::account_devices::DeviceTypeBody;
use shared::http::examples;
use shared::http::extract::JsonObject;
use shared::http::extract::json::{KEYS_BODY_LIMIT, Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use shared::http::signal_keys::SignalKeyBundleWire;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::qr::new_device::{NewDevice, QrLinkRequest};
use crate::qr::wire::{CONFIRM_CODE, QR_LOGIN_ID, SECRET, device_example};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QrScanRequest {
    /// The text of the QR code.
    #[schema(required, value_type = String, pattern = "^[0-9a-f.-]{106}$")]
    challenge: Option<String>,
    /// The device that shows it: the second part of the challenge.
    #[schema(required, value_type = Uuid)]
    authenticated_device_id: Option<String>,
    /// The client's stable id of its device; the server makes one if absent.
    #[schema(max_length = 128)]
    device_id: Option<String>,
    /// Another name of `deviceId`. If both are sent, this one counts.
    #[schema(max_length = 128)]
    installation_id: Option<String>,
    /// Derived from the User-Agent if absent.
    #[schema(max_length = 100)]
    device_name: Option<String>,
    /// `ios`, `android`, `web` or `desktop`; derived from the User-Agent if absent.
    #[schema(value_type = Option<DeviceTypeBody>)]
    device_type: Option<String>,
    #[schema(max_length = 100)]
    model: Option<String>,
    #[schema(max_length = 50)]
    os_version: Option<String>,
    #[schema(max_length = 20)]
    app_version: Option<String>,
    /// The device's public keys, with an `identityProof` for this challenge.
    #[schema(value_type = Option<SignalKeyBundleWire>)]
    signal_key_bundle: Option<JsonObject<SignalKeyBundleWire>>,
}

pub struct Scan {
    pub challenge: Challenge,
    pub shown_by: DeviceId,
    pub device: NewDevice,
}

impl Validate for Scan {
    type Wire = QrScanRequest;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: QrScanRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let challenge = errors.required("challenge", wire.challenge, Challenge::parse);
        let (field, shown_by) = ("authenticatedDeviceId", wire.authenticated_device_id);
        let shown_by = errors.required(field, shown_by, |id| uuid(&id));
        let device = QrLinkRequest {
            device_id: wire.device_id,
            installation_id: wire.installation_id,
            device_name: wire.device_name,
            device_type: wire.device_type,
            model: wire.model,
            os_version: wire.os_version,
            app_version: wire.app_version,
            signal_key_bundle: wire.signal_key_bundle,
        };
        let device = NewDevice::validate(device, errors)?;
        Some(Self { challenge: challenge?, shown_by: DeviceId::from_uuid(shown_by?), device })
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(scan_answer_example()))]
pub struct QrScan {
    /// Where to poll: the first part of the challenge.
    pub scan_id: Uuid,
    /// Fetches the tokens. Keep it, and show it to nobody.
    pub scan_secret: String,
    /// Show it to the user, who types it on the logged-in device.
    pub confirm_code: String,
    /// Seconds until the device must be logged in.
    #[schema(minimum = 0)]
    pub expires_in: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "scanSecret": SECRET }))]
pub struct QrScanPollRequest {
    #[schema(required, value_type = String, pattern = "^[0-9a-f]{32}$")]
    scan_secret: Option<String>,
    /// The device that this one replaces if the account has 10 already (`device_limit`). It is removed.
    #[schema(value_type = Option<Uuid>)]
    replace_device_id: Option<String>,
}

pub struct ScanPoll {
    pub secret: QrSecret,
    pub replaced: Option<DeviceId>,
}

impl Validate for ScanPoll {
    type Wire = QrScanPollRequest;

    fn validate(wire: QrScanPollRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let replaced = errors.optional("replaceDeviceId", wire.replace_device_id, |id| uuid(&id));
        let secret = errors.required("scanSecret", wire.scan_secret, QrSecret::parse)?;
        Some(Self { secret, replaced: replaced.map(DeviceId::from_uuid) })
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the id, which `PathIds` reads")]
pub struct OwnDeviceInPath {
    /// The device of the caller, as its log-in answered it.
    #[param(example = json!(examples::DEVICE_ID))]
    id: Uuid,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the id, which `PathIds` reads")]
pub struct ChallengeInPath {
    /// The first part of the challenge.
    #[param(example = json!(QR_LOGIN_ID))]
    id: Uuid,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the id, which `PathIds` reads")]
pub struct ScanInPath {
    /// As the scan answered it.
    #[param(example = json!(QR_LOGIN_ID))]
    scan_id: Uuid,
}

pub fn challenge_example() -> String {
    format!("{QR_LOGIN_ID}.{}.{SECRET}", examples::DEVICE_ID)
}

pub fn scan_example() -> Value {
    let mut body = device_example();
    body["challenge"] = json!(challenge_example());
    body["authenticatedDeviceId"] = json!(examples::DEVICE_ID);
    body
}

fn scan_answer_example() -> Value {
    json!({
        "scanId": QR_LOGIN_ID,
        "scanSecret": SECRET,
        "confirmCode": CONFIRM_CODE,
        "expiresIn": 300,
    })
}

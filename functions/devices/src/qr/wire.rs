//! Bodies that both directions share.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::device::DeviceType;
use domain::qr::ConfirmCode;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::cache::qr::{NewDevice, QrLogin, QrState};
use shared::http::account_devices::DeviceTypeBody;
use shared::http::extract::fresh_proof::ShownFields;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::login_tokens::Tokens;
use utoipa::ToSchema;

/// Who waits to be let in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QrLogin)]
pub struct QrLoginBody {
    pub status: QrStatus,
    /// Seconds until the new device must be logged in.
    #[schema(minimum = 0)]
    pub expires_in: u64,
    /// Absent while nobody has scanned the QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<QrDevice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QrStatus {
    /// Nobody has scanned the QR code, or the new device has not proven its keys yet.
    Waiting,
    /// A device waits for the decision.
    Scanned,
    Approved,
    Denied,
}

/// What a new device says of itself, and where it asks from. Only the network is observed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QrDevice {
    pub device_name: String,
    pub device_type: DeviceTypeBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// The network of its address: an IPv4 /24 or an IPv6 /48.
    pub network: String,
}

impl QrLoginBody {
    pub fn new(login: QrLogin, waits_for_proof: bool, now: Timestamp) -> Self {
        let status = match login.state {
            QrState::Shown => QrStatus::Waiting,
            QrState::Scanned if waits_for_proof => QrStatus::Waiting,
            QrState::Scanned => QrStatus::Scanned,
            QrState::Approved => QrStatus::Approved,
            QrState::Denied => QrStatus::Denied,
        };
        let expires_in = login.expires_at.seconds_left(now);
        Self { status, expires_in, device: login.device.map(QrDevice::from) }
    }
}

impl From<NewDevice> for QrDevice {
    fn from(device: NewDevice) -> Self {
        Self {
            device_type: DeviceType::parse(&device.kind).unwrap_or(DeviceType::Web).into(),
            device_name: device.name,
            model: device.model,
            os_version: device.os_version,
            app_version: device.app_version,
            network: device.network,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QrApproval, example = json!({ "confirmCode": CONFIRM_CODE }))]
pub struct ApprovalRequest {
    /// The 6 digits that the new device shows, as the user types them. A wrong code ends the log-in.
    #[schema(required, value_type = String, pattern = "^[0-9]{6}$")]
    confirm_code: Option<String>,
    /// If the account has a second factor and this session has not shown it in the last 10 minutes.
    /// A code is good once.
    #[schema(pattern = "^([0-9]{6}|[A-Za-z2-9]{4}-?[A-Za-z2-9]{4})$")]
    two_factor_token: Option<String>,
    /// A log-in verification of the account's number, confirmed and not used. Needed if the log-in of
    /// this session is older than 10 minutes and the account has no second factor, and used up then.
    #[schema(value_type = Option<Uuid>)]
    proof_verification_id: Option<String>,
}

pub struct ApprovalBody {
    pub code: ConfirmCode,
    pub shown: ShownFields,
}

impl Validate for ApprovalBody {
    type Wire = ApprovalRequest;

    fn validate(wire: ApprovalRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let shown = ShownFields::parse(wire.proof_verification_id, wire.two_factor_token, errors);
        let parse = |code: String| ConfirmCode::parse(&code);
        let code = errors.required("confirmCode", wire.confirm_code, parse)?;
        Some(Self { code, shown })
    }
}

/// The new device asks again in two seconds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "status": "pending", "expiresIn": 118 }))]
pub struct QrPending {
    pub status: PendingStatus,
    /// Seconds until it must be logged in.
    #[schema(minimum = 0)]
    pub expires_in: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PendingStatus {
    Pending,
}

/// The answer to a poll.
pub enum Polled {
    Pending(QrPending),
    LoggedIn(Box<Tokens>),
}

impl IntoResponse for Polled {
    fn into_response(self) -> Response {
        match self {
            Self::Pending(pending) => (StatusCode::ACCEPTED, Json(pending)).into_response(),
            Self::LoggedIn(tokens) => Json(tokens).into_response(),
        }
    }
}

pub const QR_LOGIN_ID: &str = "7d1f9c3a-52be-4e06-9a84-c0b3e6f71d28";
pub const CONFIRM_CODE: &str = "731904";
pub const SECRET: &str = "9f2c61d84be07a35c9184f60d7ae52b3";

/// The body of a new device.
pub fn device_example() -> Value {
    json!({
        "deviceName": "Firefox on Linux",
        "deviceType": "web",
        "appVersion": "2.4.1",
    })
}

/// A device that waits, and how long it may.
pub fn qr_login_example(expires_in: u64) -> Value {
    let mut device = device_example();
    device["network"] = json!("203.0.113.0/24");
    json!({ "status": "scanned", "expiresIn": expires_in, "device": device })
}

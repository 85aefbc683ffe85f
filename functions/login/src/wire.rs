//! Request and response bodies, and the parsing of requests into domain types.

use domain::device::{
    DeviceType, Fingerprint, MAX_APP_VERSION, MAX_MODEL, MAX_NAME, MAX_OS_VERSION, MAX_PUSH_TOKEN,
};
use domain::ids::{DeviceId, VerificationId};
use domain::recovery_code::RecoveryCode;
use domain::second_factor::SecondFactorToken;
use domain::text::bounded;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::http::account_devices::{DeviceTypeBody, fingerprint};
use shared::http::examples;
use shared::http::extract::JsonObject;
use shared::http::extract::fresh_proof::second_factor_token;
use shared::http::extract::json::{KEYS_BODY_LIMIT, Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use shared::http::signal_keys::SignalKeyBundleWire;
use shared::store::keys::DeviceKeys;
use utoipa::ToSchema;

const MAX_TOKEN: usize = 4096;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginRequest {
    /// A confirmed verification: the id that the request for its code answered.
    #[schema(required, value_type = Uuid)]
    verification_id: Option<String>,
    /// The client's stable id of its device; the server makes one if absent. The `deviceId` of an
    /// earlier answer also comes back to that device. If the request for the verification named a
    /// device, it must be the same here.
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
    #[schema(max_length = 4096)]
    fcm_token: Option<String>,
    #[schema(max_length = 4096)]
    apns_token: Option<String>,
    /// At log-in: a refresh token, even an expired one, of an earlier session of this device.
    /// Without it, a device that comes back is not verified any more.
    #[schema(max_length = 4096)]
    previous_token: Option<String>,
    /// At log-in: the device that this one replaces if the account has 10 already
    /// (`device_limit`). It is removed. Ignored if the account has fewer.
    #[schema(value_type = Option<Uuid>)]
    replace_device_id: Option<String>,
    /// At log-in to an account with a second factor: 6 digits of the authenticator app, or a backup
    /// code `XXXX-XXXX`. A code is good once.
    #[schema(pattern = "^([0-9]{6}|[A-Za-z2-9]{4}-?[A-Za-z2-9]{4})$")]
    two_factor_token: Option<String>,
    /// At log-in to an account with a registration lock, on a device that shows no `previousToken`.
    #[schema(pattern = "^[0-9A-Za-z -]{26,64}$")]
    recovery_code: Option<String>,
    /// At log-in: whether the number gets a new account if nobody used the old one for long
    /// (`account_idle`), or if lock or second factor have stopped log-ins for 30 days. The user must
    /// agree: the old account loses the number and is deleted after 30 days.
    #[schema(value_type = Option<bool>)]
    start_over: Option<bool>,
    /// The device's public keys. They replace its earlier keys. One-time keys that were given
    /// out before are left out.
    #[schema(value_type = Option<SignalKeyBundleWire>)]
    signal_key_bundle: Option<JsonObject<SignalKeyBundleWire>>,
}

pub struct Credentials {
    pub verification: VerificationId,
    pub device: Option<Fingerprint>,
    pub device_name: Option<String>,
    pub device_type: Option<DeviceType>,
    pub model: Option<String>,
    pub os_version: Option<String>,
    pub app_version: Option<String>,
    pub fcm_token: Option<String>,
    pub apns_token: Option<String>,
    pub previous_token: Option<SecretString>,
    pub replace_device: Option<DeviceId>,
    pub second_factor: Option<SecondFactorToken>,
    pub recovery_code: Option<RecoveryCode>,
    pub start_over: bool,
    pub keys: Option<DeviceKeys>,
}

impl Validate for Credentials {
    type Wire = LoginRequest;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: LoginRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let mut text = |field, value, max| errors.optional(field, value, |v| bounded(v, max));
        let device_name = text("deviceName", wire.device_name, MAX_NAME);
        let model = text("model", wire.model, MAX_MODEL);
        let os_version = text("osVersion", wire.os_version, MAX_OS_VERSION);
        let app_version = text("appVersion", wire.app_version, MAX_APP_VERSION);
        let fcm_token = text("fcmToken", wire.fcm_token, MAX_PUSH_TOKEN);
        let apns_token = text("apnsToken", wire.apns_token, MAX_PUSH_TOKEN);
        // A text that is no token of ours proves nothing, and is no error.
        let previous_token = text("previousToken", wire.previous_token, MAX_TOKEN);
        let device = fingerprint(wire.device_id, wire.installation_id, errors);
        let device_type =
            errors.optional("deviceType", wire.device_type, |t| DeviceType::parse(&t));
        let replace_device =
            errors.optional("replaceDeviceId", wire.replace_device_id, |id| uuid(&id));
        let verification = errors.required("verificationId", wire.verification_id, |id| uuid(&id));
        let second_factor = second_factor_token(wire.two_factor_token, errors);
        let parse = |code: String| RecoveryCode::parse(&code);
        let recovery_code = errors.optional("recoveryCode", wire.recovery_code, parse);
        let keys = match wire.signal_key_bundle {
            Some(JsonObject(bundle)) => Some(bundle.validate("signalKeyBundle", errors)?),
            None => None,
        };
        Some(Self {
            verification: VerificationId::from_uuid(verification?),
            device,
            device_name,
            device_type,
            model,
            os_version,
            app_version,
            fcm_token,
            apns_token,
            previous_token: previous_token.map(SecretString::from),
            replace_device: replace_device.map(DeviceId::from_uuid),
            second_factor,
            recovery_code,
            start_over: wire.start_over.unwrap_or(false),
            keys,
        })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({}))]
pub struct LogoutRequest {
    /// Another device of the same user, as its log-in answered it; this one if absent.
    #[schema(value_type = Option<Uuid>)]
    device_id: Option<String>,
}

pub struct Logout {
    pub device: Option<DeviceId>,
}

impl Validate for Logout {
    type Wire = LogoutRequest;

    fn validate(wire: LogoutRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let device = errors.optional("deviceId", wire.device_id, |id| uuid(&id));
        Some(Self { device: device.map(DeviceId::from_uuid) })
    }
}

/// A request, without keys or with those of the device.
pub fn request_example(with_keys: bool) -> Value {
    let mut example = json!({
        "verificationId": examples::VERIFICATION_ID,
        "deviceName": examples::DEVICE_NAME,
        "deviceType": "ios",
        "model": "iPhone17,1",
        "osVersion": "18.3",
        "appVersion": "2.4.1",
    });
    if with_keys {
        example["signalKeyBundle"] = examples::keys("signalKeyBundle");
    }
    example
}

//! What a new device says of itself, and how it waits.

use domain::device::{
    DeviceType, Fingerprint, MAX_APP_VERSION, MAX_MODEL, MAX_NAME, MAX_OS_VERSION, from_user_agent,
};
use domain::ids::QrLoginId;
use domain::qr::{ConfirmCode, QrSecret};
use domain::text::bounded;
use serde::Deserialize;
use shared::cache::qr;
use shared::clock::Rng;
use shared::http::account_devices::{DeviceTypeBody, fingerprint};
use shared::http::context::RequestContext;
use shared::http::extract::json::{KEYS_BODY_LIMIT, Validate, ValidationErrors};
use shared::http::extract::{Binding, JsonObject};
use shared::http::signal_keys::SignalKeyBundleWire;
use shared::store::keys::DeviceKeys;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QrLinkRequest {
    /// The client's stable id of its device; the server makes one if absent.
    #[schema(max_length = 128)]
    pub device_id: Option<String>,
    /// Another name of `deviceId`. If both are sent, this one counts.
    #[schema(max_length = 128)]
    pub installation_id: Option<String>,
    /// Derived from the User-Agent if absent.
    #[schema(max_length = 100)]
    pub device_name: Option<String>,
    /// `ios`, `android`, `web` or `desktop`; derived from the User-Agent if absent.
    #[schema(value_type = Option<DeviceTypeBody>)]
    pub device_type: Option<String>,
    #[schema(max_length = 100)]
    pub model: Option<String>,
    #[schema(max_length = 50)]
    pub os_version: Option<String>,
    #[schema(max_length = 20)]
    pub app_version: Option<String>,
    /// The device's public keys, without `identityProof`, which the first poll brings. Of its one-time
    /// keys, the first 20 of each kind are kept: upload the others after the log-in.
    #[schema(value_type = Option<SignalKeyBundleWire>)]
    pub signal_key_bundle: Option<JsonObject<SignalKeyBundleWire>>,
}

/// What a new device says of itself.
pub struct NewDevice {
    fingerprint: Option<Fingerprint>,
    name: Option<String>,
    kind: Option<DeviceType>,
    model: Option<String>,
    os_version: Option<String>,
    app_version: Option<String>,
    pub keys: Option<NewDeviceKeys>,
}

/// Its bundle, as it was sent and as it was read.
pub struct NewDeviceKeys {
    wire: SignalKeyBundleWire,
    pub keys: DeviceKeys,
}

impl Validate for NewDevice {
    type Wire = QrLinkRequest;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: QrLinkRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let mut text = |field, value, max| errors.optional(field, value, |v| bounded(v, max));
        let name = text("deviceName", wire.device_name, MAX_NAME);
        let model = text("model", wire.model, MAX_MODEL);
        let os_version = text("osVersion", wire.os_version, MAX_OS_VERSION);
        let app_version = text("appVersion", wire.app_version, MAX_APP_VERSION);
        let fingerprint = fingerprint(wire.device_id, wire.installation_id, errors);
        let kind = errors.optional("deviceType", wire.device_type, |t| DeviceType::parse(&t));
        let keys = match wire.signal_key_bundle {
            Some(JsonObject(wire)) => {
                let keys = wire.clone().validate("signalKeyBundle", errors)?;
                Some(NewDeviceKeys { wire, keys })
            }
            None => None,
        };
        Some(Self { fingerprint, name, kind, model, os_version, app_version, keys })
    }
}

/// What a new device keeps to itself, and what it shows.
pub struct Secrets {
    pub secret: QrSecret,
    pub confirm_code: ConfirmCode,
}

impl Secrets {
    pub fn draw(rng: Rng) -> Self {
        let confirm_code = ConfirmCode::draw(|| rng.next_u64());
        Self { secret: QrSecret::new(rng.bytes()), confirm_code }
    }
}

impl NewDevice {
    /// What is kept of it while it waits, with so many one-time keys of each kind at most.
    pub fn waiting(
        self,
        id: &QrLoginId,
        secrets: &Secrets,
        context: &RequestContext,
        Binding(binding): Binding,
        rng: Rng,
        max_one_time_keys: usize,
    ) -> qr::Newcomer {
        let (derived_kind, derived_name) = from_user_agent(context.user_agent());
        let fingerprint = self.fingerprint.unwrap_or_else(|| Fingerprint::of_random(rng.bytes()));
        qr::Newcomer {
            device: qr::NewDevice {
                fingerprint: fingerprint.into_text(),
                name: self.name.unwrap_or(derived_name),
                kind: self.kind.unwrap_or(derived_kind).as_str().to_owned(),
                model: self.model,
                os_version: self.os_version,
                app_version: self.app_version,
                network: context.prefix(),
            },
            secret: secrets.secret.digest(),
            confirm_code: secrets.confirm_code.digest(id),
            keys: self.keys.and_then(|keys| keys.wire.to_stored(max_one_time_keys)),
            jkt: binding.map(|binding| binding.jkt),
        }
    }
}

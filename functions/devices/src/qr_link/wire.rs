//! Request and response bodies, and the parsing of requests into domain types.

use domain::ids::DeviceId;
use domain::prekey::Signature;
use domain::qr::QrSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::http::extract::json::{KEYS_BODY_LIMIT, Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use shared::qr::QrPicture;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::qr::wire::{CONFIRM_CODE, QR_LOGIN_ID, SECRET};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(link_answer_example()))]
pub struct QrLink {
    pub link_id: Uuid,
    /// Fetches the tokens. Keep it, and show it to nobody.
    pub link_secret: String,
    /// Show it to the user, who types it on the logged-in device.
    pub confirm_code: String,
    /// The text of the QR code: `whispr://link?id={linkId}`, and with keys `&key=`, which is SHA-256
    /// of the 33 bytes of the identity key as hexadecimal digits.
    pub qr: String,
    /// The QR code as a PNG picture in a data URL.
    pub qr_png: String,
    /// The QR code as an SVG picture.
    pub qr_svg: String,
    /// Seconds until the device must be logged in.
    #[schema(minimum = 0)]
    pub expires_in: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "linkSecret": SECRET }))]
pub struct QrLinkPollRequest {
    #[schema(required, value_type = String, pattern = "^[0-9a-f]{32}$")]
    link_secret: Option<String>,
    /// If the link has keys, needed at the first poll, and nobody can approve before it came. Base64 of
    /// 64 bytes, as in a `signalKeyBundle`, but for a byte 4 and the 16 bytes of the `linkId`.
    identity_proof: Option<String>,
    /// The device that this one replaces if the account has 10 already (`device_limit`). It is removed.
    #[schema(value_type = Option<Uuid>)]
    replace_device_id: Option<String>,
}

pub struct LinkPoll {
    pub secret: QrSecret,
    pub proof: Option<Signature>,
    pub replaced: Option<DeviceId>,
}

impl Validate for LinkPoll {
    type Wire = QrLinkPollRequest;
    const LIMIT: usize = KEYS_BODY_LIMIT;

    fn validate(wire: QrLinkPollRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let replaced = errors.optional("replaceDeviceId", wire.replace_device_id, |id| uuid(&id));
        let proof = match wire.identity_proof.map(Signature::parse) {
            Some(Ok(proof)) => Some(proof),
            Some(Err(error)) => {
                errors.add_key("identityProof", error);
                None
            }
            None => None,
        };
        let secret = errors.required("linkSecret", wire.link_secret, QrSecret::parse)?;
        Some(Self { secret, proof, replaced: replaced.map(DeviceId::from_uuid) })
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the id, which `PathIds` reads")]
pub struct LinkInPath {
    /// The `id` in the text of the QR code.
    #[param(example = json!(QR_LOGIN_ID))]
    link_id: Uuid,
}

pub fn link_answer_example() -> Value {
    let qr = format!("whispr://link?id={QR_LOGIN_ID}");
    let picture = QrPicture::new(&qr).ok();
    json!({
        "linkId": QR_LOGIN_ID,
        "linkSecret": SECRET,
        "confirmCode": CONFIRM_CODE,
        "qr": qr,
        "qrPng": picture.as_ref().and_then(|picture| picture.png_data_url().ok()),
        "qrSvg": picture.as_ref().map(QrPicture::svg),
        "expiresIn": 120,
    })
}

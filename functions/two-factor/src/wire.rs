//! Request and response bodies, and the parsing of requests into domain types.

use domain::second_factor::{BackupCode, SecondFactorToken, TotpCode};
use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::date_time;
use shared::http::examples::{TOTP_CODE, backup_codes};
use shared::http::extract::fresh_proof::ProofFields;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::qr::QrPicture;
use shared::second_factor::totp::provisioning;
use shared::store::second_factor::SecondFactorState;
use utoipa::ToSchema;

/// With the secret of RFC 6238, appendix B.
fn set_up_example() -> Value {
    let secret = SecretSlice::from(b"12345678901234567890".to_vec());
    // These texts always make a picture.
    let given = provisioning(&secret, "Whispr", "+1***0123").ok();
    given.map_or(Value::Null, |given| {
        let picture = QrPicture::new(&given.uri).and_then(|code| code.png_data_url());
        json!({
            "qrCodeUrl": picture.unwrap_or_default(),
            "secret": given.secret,
            "otpauthUri": given.uri,
        })
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "token": TOTP_CODE }))]
pub struct EnableRequest {
    /// The 6 digits that the app shows now.
    #[schema(required, value_type = String, pattern = "^[0-9]{6}$")]
    token: Option<String>,
    /// A log-in verification of the account's number, confirmed and not used. Needed if the
    /// log-in of this session is older than 10 minutes.
    #[schema(value_type = Option<Uuid>)]
    proof_verification_id: Option<String>,
}

pub struct Enable {
    pub code: TotpCode,
    pub proof: ProofFields,
}

impl Validate for Enable {
    type Wire = EnableRequest;

    fn validate(wire: EnableRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let proof = ProofFields::parse(wire.proof_verification_id, errors);
        let parse = |token: String| TotpCode::parse(&token).map_err(|_| "must be 6 digits");
        Some(Self { code: errors.required("token", wire.token, parse)?, proof })
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SecondFactorToken, example = json!({ "token": TOTP_CODE }))]
pub struct TokenRequest {
    /// 6 digits of the app, or a backup code `XXXX-XXXX`. Its dash may be left out.
    #[schema(required, value_type = String,
        pattern = "^([0-9]{6}|[A-Za-z2-9]{4}-?[A-Za-z2-9]{4})$")]
    token: Option<String>,
}

pub struct Token(pub SecondFactorToken);

impl Validate for Token {
    type Wire = TokenRequest;

    fn validate(wire: TokenRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let token = errors.required("token", wire.token, |text| SecondFactorToken::parse(&text));
        token.map(Self)
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = BackupCodeToken, example = json!({ "token": backup_codes()[0] }))]
pub struct BackupCodeRequest {
    /// A backup code `XXXX-XXXX`. Its dash may be left out.
    #[schema(required, value_type = String, pattern = "^[A-Za-z2-9]{4}-?[A-Za-z2-9]{4}$")]
    token: Option<String>,
}

pub struct BackupCodeBody(pub SecondFactorToken);

impl Validate for BackupCodeBody {
    type Wire = BackupCodeRequest;

    fn validate(wire: BackupCodeRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let parse =
            |text: String| BackupCode::parse(&text).map_err(|_| "must be a backup code XXXX-XXXX");
        let code = errors.required("token", wire.token, parse)?;
        Some(Self(SecondFactorToken::BackupCode(code)))
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(set_up_example()))]
pub struct SecondFactorSetup {
    /// In base 32, for an app that reads no QR code.
    pub secret: String,
    pub otpauth_uri: String,
    /// The address as a QR code: a PNG picture in a data URL.
    pub qr_code_url: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "backupCodes": backup_codes() }))]
pub struct BackupCodes {
    /// Ten codes, each good once. They are never shown again.
    pub backup_codes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "valid": true }))]
pub struct SecondFactorVerified {
    /// False if the code is wrong or was used.
    pub valid: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "disabled": true }))]
pub struct SecondFactorDisabled {
    /// Always true.
    pub disabled: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "remaining": 9 }))]
pub struct RemainingBackupCodes {
    #[schema(minimum = 0, maximum = 10)]
    pub remaining: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "enabled": true }))]
pub struct SecondFactorStatus {
    pub enabled: bool,
    /// When a reset that support was asked for takes effect. A verified device cancels it by
    /// `POST /auth/v1/2fa/reset/cancel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub reset_at: Option<String>,
}

impl SecondFactorStatus {
    pub fn of(found: &SecondFactorState) -> Self {
        Self { enabled: found.enabled, reset_at: found.reset_at.map(date_time) }
    }
}

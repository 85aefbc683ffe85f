//! Request and response bodies, and the parsing of requests into domain types.

use domain::device::Fingerprint;
use domain::ids::VerificationId;
use domain::phone::PhoneNumber;
use domain::text::bounded;
use domain::verification::{Code, CodeLength};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use shared::http::account_devices::fingerprint;
use shared::http::examples;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

const MAX_TOKEN: usize = 4096;
/// The longest input that a client may name.
const MAX_CODE_LENGTH: usize = 32;

/// `{verificationId}` of a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the id, which `PathIds` reads")]
pub struct VerificationInPath {
    /// As the request answered it.
    #[param(rename = "verificationId", example = json!(examples::VERIFICATION_ID))]
    verification_id: Uuid,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "phoneNumber": examples::PHONE_NUMBER, "maxCodeLength": 10 }))]
pub struct StartRequest {
    /// International form; spaces, parentheses, hyphens and dots are taken.
    #[schema(required, value_type = String, example = json!(examples::PHONE_NUMBER))]
    phone_number: Option<String>,
    /// The client's stable id of its device. Sent here, it must be repeated at confirm,
    /// resend, register and login.
    #[schema(max_length = 128)]
    device_id: Option<String>,
    /// Another name of `deviceId`. If both are sent, this one counts.
    #[schema(max_length = 128)]
    installation_id: Option<String>,
    /// A refresh token, even an expired one, of an earlier session of the account. Its owner
    /// then has limits apart from strangers who request codes for the same number.
    #[schema(max_length = 4096)]
    previous_token: Option<String>,
    /// The answer to a captcha, if the operator requires one (Turnstile, hCaptcha, …).
    #[schema(max_length = 4096)]
    challenge: Option<String>,
    /// How many digits of a code the client's input takes. Codes have 6 or 10 digits
    /// (`codeLength`); a client that says less than 10 is refused with `phone_locked` where it
    /// would get 10.
    #[schema(minimum = 6, maximum = 32, example = 10)]
    max_code_length: Option<usize>,
}

pub struct Start {
    pub phone: PhoneNumber,
    pub device: Option<Fingerprint>,
    pub previous_token: Option<SecretString>,
    pub challenge: Option<SecretString>,
    /// The longest code that the client says its input takes.
    pub max_code_length: Option<CodeLength>,
}

impl Validate for Start {
    type Wire = StartRequest;

    fn validate(wire: StartRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let phone = errors.required("phoneNumber", wire.phone_number, |p| PhoneNumber::parse(&p));
        let device = fingerprint(wire.device_id, wire.installation_id, errors);
        // A text that is no token of ours proves nothing, and is no error.
        let mut secret = |field, value| {
            errors.optional(field, value, |text| bounded(text, MAX_TOKEN).map(SecretString::from))
        };
        let previous_token = secret("previousToken", wire.previous_token);
        let challenge = secret("challenge", wire.challenge);
        let max_code_length =
            errors.optional("maxCodeLength", wire.max_code_length, max_code_length);
        Some(Self { phone: phone?, device, previous_token, challenge, max_code_length })
    }
}

fn max_code_length(digits: usize) -> Result<CodeLength, &'static str> {
    match digits {
        6..10 => Ok(CodeLength::Six),
        10..=MAX_CODE_LENGTH => Ok(CodeLength::Ten),
        _ => Err("must be 6 to 32"),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({}))]
pub struct ResendRequest {
    /// As at the request.
    #[schema(max_length = 128)]
    device_id: Option<String>,
    /// Another name of `deviceId`. If both are sent, this one counts.
    #[schema(max_length = 128)]
    installation_id: Option<String>,
}

pub struct Resend {
    pub device: Option<Fingerprint>,
}

impl Validate for Resend {
    type Wire = ResendRequest;

    fn validate(wire: ResendRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let device = fingerprint(wire.device_id, wire.installation_id, errors);
        Some(Self { device })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "verificationId": examples::VERIFICATION_ID,
    "code": examples::CODE,
}))]
pub struct ConfirmRequest {
    /// As the request answered it.
    #[schema(required, value_type = Uuid)]
    verification_id: Option<String>,
    /// The digits of the newest message, as many as `codeLength` says. A service on a laptop
    /// shows its messages at `/dev/inbox`.
    #[schema(
        required, value_type = String, pattern = "^([0-9]{6}|[0-9]{10})$",
        example = json!(examples::CODE),
    )]
    code: Option<String>,
    /// As at the request.
    #[schema(max_length = 128)]
    device_id: Option<String>,
    /// Another name of `deviceId`. If both are sent, this one counts.
    #[schema(max_length = 128)]
    installation_id: Option<String>,
}

pub struct Confirmation {
    pub id: VerificationId,
    pub code: Code,
    pub device: Option<Fingerprint>,
}

impl Validate for Confirmation {
    type Wire = ConfirmRequest;

    fn validate(wire: ConfirmRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let id = errors.required("verificationId", wire.verification_id, |id| uuid(&id));
        let code = errors.required("code", wire.code, |code| Code::parse(&code));
        let device = fingerprint(wire.device_id, wire.installation_id, errors);
        Some(Self { id: VerificationId::from_uuid(id?), code: code?, device })
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(Started::example(30)))]
pub struct Started {
    pub verification_id: Uuid,
    /// How many digits the codes of this verification have: 6 or 10.
    #[schema(minimum = 6, maximum = 10)]
    pub code_length: usize,
    /// Seconds until the current code expires.
    #[schema(minimum = 0, maximum = 600)]
    pub expires_in: u64,
    /// Seconds until another code may be requested.
    #[schema(minimum = 0, maximum = 120)]
    pub resend_in: u64,
    /// Wrong codes that will still be compared.
    #[schema(minimum = 0, maximum = 5)]
    pub attempts_left: u32,
    /// The code itself: in demo mode alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Started {
    /// An answer whose next code may be requested after these seconds.
    pub fn example(resend_in: u64) -> Self {
        Self {
            verification_id: examples::VERIFICATION_ID,
            code_length: 6,
            expires_in: 600,
            resend_in,
            attempts_left: 5,
            code: None,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WirePurpose {
    Register,
    Login,
    ChangePhone,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "purpose": "register",
    "verified": false,
    "codeLength": 6,
    "expiresIn": 600,
    "resendIn": 60,
    "attemptsLeft": 5,
}))]
pub struct VerificationState {
    pub purpose: WirePurpose,
    pub verified: bool,
    /// How many digits the codes of this verification have: 6 or 10.
    #[schema(minimum = 6, maximum = 10)]
    pub code_length: usize,
    /// Seconds until the current code expires; once verified, seconds until the verification
    /// expires.
    #[schema(minimum = 0, maximum = 600)]
    pub expires_in: u64,
    /// Seconds until another code may be requested.
    #[schema(minimum = 0, maximum = 120)]
    pub resend_in: u64,
    /// Wrong codes that will still be compared.
    #[schema(minimum = 0, maximum = 5)]
    pub attempts_left: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "verified": true }))]
pub struct RegistrationConfirmed {
    pub verified: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "verified": true }))]
pub struct PhoneChangeConfirmed {
    pub verified: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "verified": true, "requires2FA": false }))]
pub struct LoginConfirmed {
    pub verified: bool,
    /// Whether the account requires a second factor.
    #[serde(rename = "requires2FA")]
    pub requires_2fa: bool,
}

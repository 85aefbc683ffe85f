//! Request and response bodies, and the parsing of requests into domain types.

use domain::device::Fingerprint;
use domain::ids::VerificationId;
use domain::text::bounded;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use shared::clock::date_time;
use shared::http::account_devices::fingerprint;
use shared::http::examples;
use shared::http::extract::fresh_proof::ShownFields;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::path::uuid;
use shared::store::account::AccountOverview;
use utoipa::ToSchema;
use uuid::Uuid;

const MAX_TOKEN: usize = 4096;

/// What a caller shows for a change that needs nothing else.
pub struct Shown(pub ShownFields);

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({}))]
pub struct AccountProofRequest {
    /// A log-in verification of the account's number, confirmed and not used. Needed if the log-in of
    /// this session is older than 10 minutes and the account has no second factor, and used up then.
    #[schema(value_type = Option<Uuid>)]
    proof_verification_id: Option<String>,
    /// If the account has a second factor and this session has not shown it in the last 10 minutes. A
    /// code is good once.
    #[schema(pattern = "^([0-9]{6}|[A-Za-z2-9]{4}-?[A-Za-z2-9]{4})$")]
    two_factor_token: Option<String>,
}

impl Validate for Shown {
    type Wire = AccountProofRequest;

    fn validate(wire: AccountProofRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let shown = ShownFields::parse(wire.proof_verification_id, wire.two_factor_token, errors);
        Some(Self(shown))
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "verificationId": examples::VERIFICATION_ID }))]
pub struct PhoneChangeRequest {
    /// A verification of the new number for a change of the number, confirmed and not used. If its
    /// request named a device, it must be this one.
    #[schema(required, value_type = Uuid)]
    verification_id: Option<String>,
    /// A log-in verification of the current number, confirmed and not used. Needed if the log-in of
    /// this session is older than 10 minutes and the account has no second factor, and used up then.
    #[schema(value_type = Option<Uuid>)]
    proof_verification_id: Option<String>,
    /// If the account has a second factor and this session has not shown it in the last 10 minutes.
    #[schema(pattern = "^([0-9]{6}|[A-Za-z2-9]{4}-?[A-Za-z2-9]{4})$")]
    two_factor_token: Option<String>,
}

pub struct PhoneChangeBody {
    pub verification: VerificationId,
    pub shown: ShownFields,
}

impl Validate for PhoneChangeBody {
    type Wire = PhoneChangeRequest;

    fn validate(wire: PhoneChangeRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let verification = errors.required("verificationId", wire.verification_id, |id| uuid(&id));
        let shown = ShownFields::parse(wire.proof_verification_id, wire.two_factor_token, errors);
        Some(Self { verification: VerificationId::from_uuid(verification?), shown })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "verificationId": examples::VERIFICATION_ID,
    "previousToken": examples::refresh_token(),
}))]
pub struct UndoRequest {
    /// A log-in verification, confirmed and not used, of the number that the account had before the
    /// change.
    #[schema(required, value_type = Uuid)]
    verification_id: Option<String>,
    /// A refresh token, even an expired one, of a verified device that is older than the one that made
    /// the change.
    #[schema(required, value_type = String, max_length = 4096)]
    previous_token: Option<String>,
    /// As at the request for the verification, if it named a device.
    #[schema(max_length = 128)]
    device_id: Option<String>,
    /// Another name of `deviceId`. If both are sent, this one counts.
    #[schema(max_length = 128)]
    installation_id: Option<String>,
}

pub struct UndoBody {
    pub verification: VerificationId,
    pub previous_token: SecretString,
    pub device: Option<Fingerprint>,
}

impl Validate for UndoBody {
    type Wire = UndoRequest;

    fn validate(wire: UndoRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let verification = errors.required("verificationId", wire.verification_id, |id| uuid(&id));
        let token =
            errors.required("previousToken", wire.previous_token, |text| bounded(text, MAX_TOKEN));
        let device = fingerprint(wire.device_id, wire.installation_id, errors);
        Some(Self {
            verification: VerificationId::from_uuid(verification?),
            previous_token: SecretString::from(token?),
            device,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "userId": examples::USER_ID,
    "phoneNumber": "+1***0123",
    "createdAt": examples::TIMESTAMP,
    "twoFactorEnabled": false,
    "registrationLock": false,
    "deviceCount": 1,
}))]
pub struct Account {
    user_id: Uuid,
    /// Masked.
    phone_number: String,
    #[schema(format = DateTime)]
    created_at: String,
    two_factor_enabled: bool,
    registration_lock: bool,
    #[schema(minimum = 0, maximum = 10)]
    device_count: i64,
}

impl From<AccountOverview> for Account {
    fn from(found: AccountOverview) -> Self {
        Self {
            user_id: *found.user.as_uuid(),
            phone_number: found.phone.masked(),
            created_at: date_time(found.created_at),
            two_factor_enabled: found.two_factor_enabled,
            registration_lock: found.registration_lock,
            device_count: found.devices,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "phoneNumber": "+1***0199" }))]
pub struct PhoneNumberChanged {
    /// The new number, masked.
    pub phone_number: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "recoveryCode": "3X7K-9QFM-2C8T-VB4N-6HJR-0DWY-5G" }))]
pub struct RegistrationLockSet {
    /// 128 random bits. It is never shown again: the user has to write it down. An earlier code is
    /// worth nothing any more.
    pub recovery_code: String,
}

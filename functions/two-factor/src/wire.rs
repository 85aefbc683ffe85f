//! Request and response bodies, and the parsing of requests into domain types.

use domain::second_factor::{BackupCode, SecondFactorToken, TotpCode};
use serde::{Deserialize, Serialize};
use shared::http::extract::fresh_proof::ProofFields;
use shared::http::extract::json::{Validate, ValidationErrors};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
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
#[schema(as = SecondFactorToken)]
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
#[schema(as = BackupCodeToken)]
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
pub struct SecondFactorSetup {
    /// In base 32, for an app that reads no QR code.
    pub secret: String,
    pub otpauth_uri: String,
    /// The address as a QR code: a PNG picture in a data URL.
    pub qr_code_url: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupCodes {
    /// Ten codes, each good once. They are never shown again.
    pub backup_codes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SecondFactorVerified {
    /// False if the code is wrong or was used.
    pub valid: bool,
}

#[derive(Serialize, ToSchema)]
pub struct SecondFactorDisabled {
    /// Always true.
    pub disabled: bool,
}

#[derive(Serialize, ToSchema)]
pub struct RemainingBackupCodes {
    #[schema(minimum = 0, maximum = 10)]
    pub remaining: usize,
}

#[derive(Serialize, ToSchema)]
pub struct SecondFactorStatus {
    pub enabled: bool,
}

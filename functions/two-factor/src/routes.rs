//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::http::context::RequestContext;
use shared::http::extract::fresh_proof::{FreshCaller, ProofFields, ProofRequest};
use shared::http::extract::{Caller, ValidatedJson};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use crate::flow;
use crate::state::TwoFactorState;
use crate::wire::{
    BackupCodeBody, BackupCodeRequest, BackupCodes, Enable, EnableRequest, RemainingBackupCodes,
    SecondFactorDisabled, SecondFactorSetup, SecondFactorStatus, SecondFactorVerified, Token,
    TokenRequest,
};

problems!(SetUpProblems: BODY, BEARER, ANY, [FreshProofRequired, TwoFactorRequired, DeviceTooNew,
    TwoFactorEnabled]);
problems!(EnableProblems: BODY, BEARER, ANY, [FreshProofRequired, TwoFactorRequired, DeviceTooNew,
    TwoFactorEnabled, TwoFactorNotSetUp, TwoFactorInvalid, TwoFactorLocked]);
problems!(VerifyProblems: BODY, BEARER, ANY, [TwoFactorDisabled, TwoFactorLocked]);
problems!(ChangeProblems: BODY, BEARER, ANY, [FreshProofRequired, DeviceTooNew, TwoFactorDisabled,
    TwoFactorInvalid, TwoFactorLocked]);
problems!(ReadProblems: BEARER, ANY, []);
problems!(CancelProblems: BEARER, ANY, [DeviceUnverified]);

endpoints!(TwoFactorState, Head::Refused; set_up_second_factor, enable_second_factor,
    verify_second_factor, use_backup_code, count_backup_codes, create_backup_codes,
    regenerate_backup_codes, fetch_second_factor_status, cancel_second_factor_reset, disable_second_factor);

pub fn router() -> axum::Router<TwoFactorState> {
    endpoints()
}

/// Get a secret for an authenticator app.
///
/// Show the QR code, then enable with the first code of the app. The same session gets the same
/// secret for 15 minutes. Needs a fresh proof: an access token of the last 2 minutes, and a log-in
/// of the last 10 minutes or `proofVerificationId`.
#[utoipa::path(post, path = "/auth/v1/2fa/setup", tag = "two-factor", security(("bearer" = [])),
    request_body = ProofRequest,
    responses((status = 201, body = SecondFactorSetup), SetUpProblems))]
async fn set_up_second_factor(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(fields): ValidatedJson<ProofFields>,
) -> Result<(StatusCode, Json<SecondFactorSetup>), Problem> {
    let given = flow::set_up(&state, &context, caller, fields).await?;
    Ok((StatusCode::CREATED, Json(given)))
}

/// Enable the second factor with a first code of the app.
///
/// Show the backup codes to the user once: they are stored as hashes. All other sessions of the
/// account end. The code is used up: the next one is good after 30 seconds. Needs a fresh proof,
/// like the set-up; a verification that the set-up used is used up.
#[utoipa::path(post, path = "/auth/v1/2fa/enable", tag = "two-factor", security(("bearer" = [])),
    request_body = EnableRequest,
    responses((status = 200, body = BackupCodes), EnableProblems))]
async fn enable_second_factor(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(body): ValidatedJson<Enable>,
) -> Result<Json<BackupCodes>, Problem> {
    flow::enable(&state, &context, caller, body).await.map(Json)
}

/// Show the second factor in this session.
///
/// For the next 10 minutes, what needs the second factor needs no code in its body. A code is good
/// once. After 5 wrong codes in 15 minutes the second factor is locked for 15 minutes, and longer
/// each time after that.
#[utoipa::path(post, path = "/auth/v1/2fa/verify", tag = "two-factor", security(("bearer" = [])),
    request_body = TokenRequest,
    responses((status = 200, body = SecondFactorVerified), VerifyProblems))]
async fn verify_second_factor(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    Caller(principal): Caller,
    ValidatedJson(Token(token)): ValidatedJson<Token>,
) -> Result<Json<SecondFactorVerified>, Problem> {
    let valid = flow::verify(&state, &context, principal, &token).await?;
    Ok(Json(SecondFactorVerified { valid }))
}

/// Disable the second factor.
///
/// Secret and backup codes are deleted, and all other sessions of the account end. Needs an access
/// token of the last 2 minutes.
#[utoipa::path(post, path = "/auth/v1/2fa/disable", tag = "two-factor", security(("bearer" = [])),
    request_body = TokenRequest,
    responses((status = 200, body = SecondFactorDisabled), ChangeProblems))]
async fn disable_second_factor(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(Token(token)): ValidatedJson<Token>,
) -> Result<Json<SecondFactorDisabled>, Problem> {
    flow::disable(&state, &context, caller, &token).await?;
    Ok(Json(SecondFactorDisabled { disabled: true }))
}

/// Get new backup codes.
///
/// The codes of before are worth nothing from then on: their hashes cannot be shown. Needs an access
/// token of the last 2 minutes.
#[utoipa::path(post, path = "/auth/v1/2fa/backup-codes", tag = "two-factor",
    security(("bearer" = [])), request_body = TokenRequest,
    responses((status = 200, body = BackupCodes), ChangeProblems))]
async fn create_backup_codes(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(Token(token)): ValidatedJson<Token>,
) -> Result<Json<BackupCodes>, Problem> {
    flow::replace_backup_codes(&state, &context, caller, &token).await.map(Json)
}

/// Get new backup codes, by another path.
///
/// The same as `POST /auth/v1/2fa/backup-codes`.
#[utoipa::path(post, path = "/auth/v1/2fa/backup-codes/regenerate", tag = "two-factor",
    security(("bearer" = [])), request_body = TokenRequest,
    responses((status = 200, body = BackupCodes), ChangeProblems))]
async fn regenerate_backup_codes(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(Token(token)): ValidatedJson<Token>,
) -> Result<Json<BackupCodes>, Problem> {
    flow::replace_backup_codes(&state, &context, caller, &token).await.map(Json)
}

/// Show a backup code in this session.
///
/// The same as verify, for backup codes alone.
#[utoipa::path(post, path = "/auth/v1/2fa/backup-codes/use", tag = "two-factor",
    security(("bearer" = [])), request_body = BackupCodeRequest,
    responses((status = 200, body = SecondFactorVerified), VerifyProblems))]
async fn use_backup_code(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    Caller(principal): Caller,
    ValidatedJson(BackupCodeBody(token)): ValidatedJson<BackupCodeBody>,
) -> Result<Json<SecondFactorVerified>, Problem> {
    let valid = flow::verify(&state, &context, principal, &token).await?;
    Ok(Json(SecondFactorVerified { valid }))
}

/// Get how many backup codes are left.
///
/// 0 without a second factor.
#[utoipa::path(get, path = "/auth/v1/2fa/backup-codes/remaining", tag = "two-factor",
    security(("bearer" = [])),
    responses((status = 200, body = RemainingBackupCodes), ReadProblems))]
async fn count_backup_codes(
    State(state): State<TwoFactorState>,
    Caller(principal): Caller,
) -> Result<Json<RemainingBackupCodes>, Problem> {
    let found = flow::find(&state, principal).await?;
    Ok(Json(RemainingBackupCodes { remaining: found.remaining_backup_codes() }))
}

/// Get whether this account has a second factor.
///
/// Log-ins and changes of the account then need a code.
#[utoipa::path(get, path = "/auth/v1/2fa/status", tag = "two-factor", security(("bearer" = [])),
    responses((status = 200, body = SecondFactorStatus), ReadProblems))]
async fn fetch_second_factor_status(
    State(state): State<TwoFactorState>,
    Caller(principal): Caller,
) -> Result<Json<SecondFactorStatus>, Problem> {
    let found = flow::find(&state, principal).await?;
    Ok(Json(SecondFactorStatus::of(&found)))
}

/// Cancel a reset of the second factor.
///
/// Support resets the second factor of somebody who lost it: all devices and the number are told, and the
/// reset takes effect 7 days later (`resetAt` of `GET /auth/v1/2fa/status`). A verified device of the
/// account cancels it until then. Nothing happens if none is pending.
#[utoipa::path(post, path = "/auth/v1/2fa/reset/cancel", tag = "two-factor",
    security(("bearer" = [])),
    responses((status = 204, description = "No reset is pending."), CancelProblems))]
async fn cancel_second_factor_reset(
    State(state): State<TwoFactorState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<StatusCode, Problem> {
    flow::cancel_reset(&state, &context, principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

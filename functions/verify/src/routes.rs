//! The handlers: extract, call one flow, answer.

use crate::state::VerifyState;
use axum::Json;
use axum::extract::State;
use shared::http::context::RequestContext;
use shared::http::extract::Binding;
use shared::http::extract::PathIds;
use shared::http::extract::RateLimited;
use shared::http::extract::ValidatedJson;
use shared::http::extract::rate_limit::{CodeRequests, PublicRequests};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use domain::ids::VerificationId;
use domain::verification::Purpose;

use crate::flow;
use crate::wire::{
    ConfirmRequest, Confirmation, LoginConfirmed, PhoneChangeConfirmed, RegistrationConfirmed,
    Resend, ResendRequest, Start, StartRequest, Started, VerificationInPath, VerificationState,
};

// `AccountExists` and `AccountUnknown` are answered only with `LEGACY_CLIENTS`.
problems!(StartRegistrationProblems: BODY, ANY,
    [AccountExists, ChallengeRefused, DpopProofInvalid, PhoneLocked, SmsPaused, SmsFailed]);
problems!(StartLoginProblems: BODY, ANY,
    [AccountUnknown, ChallengeRefused, DpopProofInvalid, PhoneLocked, SmsPaused, SmsFailed]);
problems!(StartPhoneChangeProblems: BODY, ANY,
    [ChallengeRefused, DpopProofInvalid, PhoneLocked, SmsPaused, SmsFailed]);
problems!(ResendProblems: BODY, ANY,
    [IdMalformed, VerificationInvalid, TooManyAttempts, ResendTooEarly, SmsPaused, SmsFailed]);
problems!(ConfirmProblems: BODY, ANY,
    [CodeIncorrect, CodeExpired, CodeLengthOther, VerificationInvalid, TooManyAttempts]);
problems!(FetchProblems: ANY, [IdMalformed, VerificationNotFound]);

endpoints!(
    VerifyState, Head::Refused;
    start_registration_verification,
    resend_verification,
    fetch_verification,
    confirm_registration_verification,
    start_login_verification,
    confirm_login_verification,
    start_phone_change_verification,
    confirm_phone_change_verification,
);

pub fn router() -> axum::Router<VerifyState> {
    endpoints()
}

/// Start to verify a number for a new account.
///
/// Sends a code by SMS. Known and unknown numbers get the same answer. Limits: 5 codes a minute
/// and 20 an hour for a number, 10 a minute for an address.
///
/// `codeLength` says how many digits the codes of this verification have: 6, or 10 after many
/// requests or wrong codes for the number. So guessing never locks a number. A client whose
/// input takes fewer than 10 digits says so by `maxCodeLength`.
#[utoipa::path(post, path = "/auth/v1/verify/register/request", tag = "verify",
    request_body = StartRequest,
    responses((status = 200, body = Started), StartRegistrationProblems))]
async fn start_registration_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<CodeRequests>,
    binding: Binding,
    ValidatedJson(start): ValidatedJson<Start>,
) -> Result<Json<Started>, Problem> {
    flow::start(&state, &context, Purpose::Register, binding, start).await.map(Json)
}

/// Start to verify a number for a login.
///
/// Behaves exactly as the request for a registration, whether the number has an account or
/// not.
#[utoipa::path(post, path = "/auth/v1/verify/login/request", tag = "verify",
    request_body = StartRequest,
    responses((status = 200, body = Started), StartLoginProblems))]
async fn start_login_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<CodeRequests>,
    binding: Binding,
    ValidatedJson(start): ValidatedJson<Start>,
) -> Result<Json<Started>, Problem> {
    flow::start(&state, &context, Purpose::Login, binding, start).await.map(Json)
}

/// Send another code for a running verification.
///
/// The id stays the same, the earlier code becomes invalid, and wrong attempts stay counted.
/// Possible after 30 seconds, then after 60, then after 120 (`resendIn`).
#[utoipa::path(post, path = "/auth/v1/verify/{verificationId}/resend", tag = "verify",
    params(VerificationInPath),
    request_body = ResendRequest,
    responses((status = 200, body = Started, example = json!(Started::example(60))), ResendProblems))]
async fn resend_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<CodeRequests>,
    PathIds([id]): PathIds<1>,
    ValidatedJson(resend): ValidatedJson<Resend>,
) -> Result<Json<Started>, Problem> {
    flow::resend(&state, &context, VerificationId::from_uuid(id), resend).await.map(Json)
}

/// Read the state of a verification.
///
/// For a screen that was closed: how long the code lives, and when another may be sent.
#[utoipa::path(get, path = "/auth/v1/verify/{verificationId}", tag = "verify",
    params(VerificationInPath),
    responses((status = 200, body = VerificationState), FetchProblems))]
async fn fetch_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    PathIds([id]): PathIds<1>,
) -> Result<Json<VerificationState>, Problem> {
    flow::fetch(&state, &context, VerificationId::from_uuid(id)).await.map(Json)
}

/// Prove a number for a new account with the code it received.
///
/// At most 5 wrong codes are compared. A code that has not `codeLength` digits is refused with
/// 422 and not counted. The right code may be confirmed again. Then
/// `POST /auth/v1/register` may use the verification once, within 5 minutes.
#[utoipa::path(post, path = "/auth/v1/verify/register/confirm", tag = "verify",
    request_body = ConfirmRequest,
    responses((status = 200, body = RegistrationConfirmed), ConfirmProblems))]
async fn confirm_registration_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    ValidatedJson(confirmation): ValidatedJson<Confirmation>,
) -> Result<Json<RegistrationConfirmed>, Problem> {
    flow::confirm(&state, &context, Purpose::Register, confirmation).await?;
    Ok(Json(RegistrationConfirmed { verified: true }))
}

/// Prove a number for a login with the code it received.
///
/// As for a registration. `requires2FA` says whether the account requires a second factor.
#[utoipa::path(post, path = "/auth/v1/verify/login/confirm", tag = "verify",
    request_body = ConfirmRequest,
    responses((status = 200, body = LoginConfirmed), ConfirmProblems))]
async fn confirm_login_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    ValidatedJson(confirmation): ValidatedJson<Confirmation>,
) -> Result<Json<LoginConfirmed>, Problem> {
    let requires_2fa = flow::confirm(&state, &context, Purpose::Login, confirmation).await?;
    Ok(Json(LoginConfirmed { verified: true, requires_2fa }))
}

/// Start to verify the new number of an account.
///
/// Behaves exactly as the request for a registration, whether the number has an account or not. Who
/// has proved the number is told by `PUT /auth/v1/account/phone-number`.
#[utoipa::path(post, path = "/auth/v1/verify/change-phone/request", tag = "verify",
    request_body = StartRequest,
    responses((status = 200, body = Started), StartPhoneChangeProblems))]
async fn start_phone_change_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<CodeRequests>,
    binding: Binding,
    ValidatedJson(start): ValidatedJson<Start>,
) -> Result<Json<Started>, Problem> {
    flow::start(&state, &context, Purpose::ChangePhone, binding, start).await.map(Json)
}

/// Prove the new number of an account with the code it received.
///
/// As for a registration. Then `PUT /auth/v1/account/phone-number` may use the verification once,
/// within 5 minutes.
#[utoipa::path(post, path = "/auth/v1/verify/change-phone/confirm", tag = "verify",
    request_body = ConfirmRequest,
    responses((status = 200, body = PhoneChangeConfirmed), ConfirmProblems))]
async fn confirm_phone_change_verification(
    State(state): State<VerifyState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    ValidatedJson(confirmation): ValidatedJson<Confirmation>,
) -> Result<Json<PhoneChangeConfirmed>, Problem> {
    flow::confirm(&state, &context, Purpose::ChangePhone, confirmation).await?;
    Ok(Json(PhoneChangeConfirmed { verified: true }))
}

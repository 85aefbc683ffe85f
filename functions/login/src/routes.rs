//! The handlers: extract, call one flow, answer.

use crate::state::LoginState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::http::context::RequestContext;
use shared::http::extract::ValidatedJson;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::extract::{Binding, ChangeCaller, RateLimited};
use shared::http::login_tokens::{Tokens, answer_example};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use crate::flow::{self, Entry};
use crate::wire::{Credentials, LoginRequest, Logout, LogoutRequest, request_example};

problems!(RegisterProblems: BODY, ANY, [VerificationInvalid, AccountExists, IdentityKeyInUse,
    KeyInvalid, KyberLastResortRequired, IdentityProofRequired, DpopProofInvalid]);
problems!(LoginProblems: BODY, ANY, [VerificationInvalid, AccountNotFound, TwoFactorRequired,
    TwoFactorInvalid, TwoFactorLocked, RecoveryCodeInvalid, RegistrationLocked, AccountIdle, DeviceLimit, IdentityKeyInUse,
    DeviceIdsExhausted, KeyInvalid, KyberLastResortRequired, IdentityProofRequired, DpopProofInvalid]);
problems!(LogoutProblems: BODY, BEARER, ANY, [DeviceForeign, DeviceTooNew]);
problems!(LogoutAllProblems: BEARER, ANY, []);

endpoints!(LoginState, Head::Refused; register_user, login_user, logout_session, logout_all_sessions);

pub fn router() -> axum::Router<LoginState> {
    endpoints()
}

/// Create an account for a confirmed number.
///
/// Uses up the verification, and creates user, device, session and keys in one transaction. A
/// refusal changes nothing, and the verification can still be used.
#[utoipa::path(post, path = "/auth/v1/register", tag = "login",
    request_body(content = LoginRequest, examples(
        ("LoginRequest" = (summary = "Without keys", value = json!(request_example(false)))),
        ("LoginRequestWithKeys" = (summary = "With keys, proven for this verification",
            value = json!(request_example(true)))))),
    responses((status = 201, body = Tokens, examples(
        ("LoginTokens" = (summary = "Without keys", value = json!(answer_example(false)))),
        ("LoginTokensWithKeys" = (summary = "With keys", value = json!(answer_example(true)))))),
        RegisterProblems))]
async fn register_user(
    State(state): State<LoginState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    binding: Binding,
    ValidatedJson(credentials): ValidatedJson<Credentials>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    let tokens =
        flow::complete_login(&state, &context, Entry::Register, binding, credentials).await?;
    Ok((StatusCode::CREATED, Json(tokens)))
}

/// Log in to an existing account.
///
/// A log-in with the same `deviceId` belongs to the same device, whose earlier session ends. An
/// account with a second factor needs `twoFactorToken`. Without it, or with a wrong one, the
/// verification can still be used.
///
/// An account with a registration lock needs the second factor, an earlier token or `recoveryCode` on a
/// new device (403 `registration_locked`), until no device was active for 7 days. The account's devices
/// are told of the first log-in that lock or second factor stop. If none of them proves the number by a
/// log-in within 30 days, `startOver` makes a new account.
///
/// An account that no device used for 90 days may be that of an earlier owner of the number (409
/// `account_idle`). An earlier token, the second factor or the recovery code open it; `startOver` makes
/// a new account for the number.
///
/// An account has at most 10 devices. A log-in of one more is refused (409 `device_limit`) with the list
/// of devices, and replaces one of them if it is repeated with `replaceDeviceId`. If the log-in shows
/// nothing but the number, that device must be unverified, or inactive for 30 days.
#[utoipa::path(post, path = "/auth/v1/login", tag = "login",
    request_body(content = LoginRequest, examples(
        ("LoginRequest" = (summary = "Without keys", value = json!(request_example(false)))),
        ("LoginRequestWithKeys" = (summary = "With keys, proven for this verification",
            value = json!(request_example(true)))))),
    responses((status = 200, body = Tokens, examples(
        ("LoginTokens" = (summary = "Without keys", value = json!(answer_example(false)))),
        ("LoginTokensWithKeys" = (summary = "With keys", value = json!(answer_example(true)))))),
        LoginProblems))]
async fn login_user(
    State(state): State<LoginState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    binding: Binding,
    ValidatedJson(credentials): ValidatedJson<Credentials>,
) -> Result<Json<Tokens>, Problem> {
    flow::complete_login(&state, &context, Entry::LogIn, binding, credentials).await.map(Json)
}

/// Log out this device, or another device of the account.
///
/// Its refresh token and access tokens are worth nothing from then on; its keys stay. For 7 days, a
/// device that joined by SMS alone beside another device in use cannot log out older devices.
#[utoipa::path(post, path = "/auth/v1/logout", tag = "login", security(("bearer" = [])),
    request_body = LogoutRequest,
    responses((status = 204, description = "The very next request of the session is refused."), LogoutProblems))]
async fn logout_session(
    State(state): State<LoginState>,
    context: RequestContext,
    caller: ChangeCaller,
    ValidatedJson(logout): ValidatedJson<Logout>,
) -> Result<StatusCode, Problem> {
    flow::logout(&state, &context, caller, logout.device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out all devices of the account, this one included.
///
/// Every session of the account ends in one transaction. For 7 days, a device that joined by SMS
/// alone beside another device in use ends its own session and those of younger devices.
#[utoipa::path(post, path = "/auth/v1/logout/all", tag = "login", security(("bearer" = [])),
    responses((status = 204, description = "The very next request of the session is refused."), LogoutAllProblems))]
async fn logout_all_sessions(
    State(state): State<LoginState>,
    context: RequestContext,
    caller: ChangeCaller,
) -> Result<StatusCode, Problem> {
    flow::logout_all(&state, &context, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! The routes: extract, call one flow, answer.

use crate::state::LoginState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::http::context::RequestContext;
use shared::http::extract::ValidatedJson;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::extract::{Caller, RateLimited};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use domain::verification::Purpose;

use crate::flow;
use crate::wire::{Credentials, LoginRequest, Logout, LogoutRequest, Tokens};

problems!(RegisterProblems: BODY, ANY, [VerificationInvalid, AccountExists, IdentityKeyInUse,
    KeyInvalid, KyberLastResortRequired]);
problems!(LoginProblems: BODY, ANY, [VerificationInvalid, AccountNotFound, TwoFactorRequired,
    IdentityKeyInUse, DeviceIdsExhausted, KeyInvalid, KyberLastResortRequired]);
problems!(LogoutProblems: BODY, BEARER, ANY, [DeviceForeign]);
problems!(LogoutAllProblems: BEARER, ANY, []);

endpoints!(LoginState, Head::Refused; register_user, login_user, logout_session, logout_all_sessions);

pub fn router() -> axum::Router<LoginState> {
    endpoints()
}

/// Make an account for a confirmed number.
///
/// Consumes the verification, makes user, device, session and keys in one transaction. A
/// refusal leaves nothing behind, and the verification usable.
#[utoipa::path(post, path = "/auth/v1/register", tag = "login",
    request_body = LoginRequest,
    responses((status = 201, body = Tokens), RegisterProblems))]
async fn register_user(
    State(state): State<LoginState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    ValidatedJson(credentials): ValidatedJson<Credentials>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    let tokens = flow::complete_login(&state, &context, Purpose::Register, credentials).await?;
    Ok((StatusCode::CREATED, Json(tokens)))
}

/// Begin a session of an existing account.
///
/// The same `deviceId` comes back to the same device, whose earlier session ends.
#[utoipa::path(post, path = "/auth/v1/login", tag = "login",
    request_body = LoginRequest,
    responses((status = 200, body = Tokens), LoginProblems))]
async fn login_user(
    State(state): State<LoginState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    ValidatedJson(credentials): ValidatedJson<Credentials>,
) -> Result<Json<Tokens>, Problem> {
    flow::complete_login(&state, &context, Purpose::Login, credentials).await.map(Json)
}

/// End the session of this device, or of another own device.
#[utoipa::path(post, path = "/auth/v1/logout", tag = "login", security(("bearer" = [])),
    request_body = LogoutRequest,
    responses((status = 204, description = "Ended, for the very next request."), LogoutProblems))]
async fn logout_session(
    State(state): State<LoginState>,
    context: RequestContext,
    Caller(principal): Caller,
    ValidatedJson(logout): ValidatedJson<Logout>,
) -> Result<StatusCode, Problem> {
    flow::logout(&state, &context, principal, logout.device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End every session of the account, this one included.
#[utoipa::path(post, path = "/auth/v1/logout/all", tag = "login", security(("bearer" = [])),
    responses((status = 204, description = "Ended, for the very next request."), LogoutAllProblems))]
async fn logout_all_sessions(
    State(state): State<LoginState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<StatusCode, Problem> {
    flow::logout_all(&state, &context, principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

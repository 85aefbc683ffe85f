//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::http::context::RequestContext;
use shared::http::extract::fresh_proof::FreshCaller;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::extract::{Binding, Caller, RateLimited, ValidatedJson};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use crate::export::AccountExport;
use crate::flow;
use crate::state::AccountState;
use crate::wire::{
    Account, AccountProofRequest, PhoneChangeBody, PhoneChangeRequest, PhoneNumberChanged,
    RegistrationLockSet, Shown, UndoBody, UndoRequest,
};

problems!(ReadProblems: BEARER, ANY, []);
problems!(ChangeProblems: BODY, BEARER, ANY, [FreshProofRequired, TwoFactorRequired,
    TwoFactorInvalid, TwoFactorLocked, DeviceTooNew]);
problems!(PhoneProblems: BODY, BEARER, ANY, [FreshProofRequired, TwoFactorRequired,
    TwoFactorInvalid, TwoFactorLocked, DeviceTooNew, VerificationInvalid, AccountExists]);
problems!(UndoProblems: BODY, ANY, [VerificationInvalid, UndoNotFound, AccountExists,
    DpopProofInvalid]);

endpoints!(AccountState, Head::Refused; fetch_account, export_account, change_phone_number,
    set_registration_lock, remove_registration_lock, undo_account_changes, delete_account);

pub fn router() -> axum::Router<AccountState> {
    endpoints()
}

/// Get the account of the caller.
///
/// The number is masked: the user knows it.
#[utoipa::path(get, path = "/auth/v1/account", tag = "account", security(("bearer" = [])),
    responses((status = 200, body = Account), ReadProblems))]
async fn fetch_account(
    State(state): State<AccountState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<Json<Account>, Problem> {
    flow::read(&state, &context, principal).await.map(Json)
}

/// Get all data of the account.
///
/// What this service keeps of its user: account, devices, sessions, log-ins, security events, public
/// keys. Without secrets and hashes.
#[utoipa::path(get, path = "/auth/v1/account/export", tag = "account", security(("bearer" = [])),
    responses((status = 200, body = AccountExport), ReadProblems))]
async fn export_account(
    State(state): State<AccountState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<Json<AccountExport>, Problem> {
    flow::export(&state, &context, principal).await.map(Json)
}

/// Change the number of the account.
///
/// First verify the new number by `POST /auth/v1/verify/change-phone/request` and `…/confirm`. Needs a
/// fresh proof: an access token of the last 2 minutes, and the second factor, or without one a log-in
/// of the last 10 minutes or `proofVerificationId`. All other sessions end. A message tells the old
/// number. For 7 days, a device that joined by SMS alone beside another device in use cannot do this.
#[utoipa::path(put, path = "/auth/v1/account/phone-number", tag = "account",
    security(("bearer" = [])), request_body = PhoneChangeRequest,
    responses((status = 200, body = PhoneNumberChanged), PhoneProblems))]
async fn change_phone_number(
    State(state): State<AccountState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(change): ValidatedJson<PhoneChangeBody>,
) -> Result<Json<PhoneNumberChanged>, Problem> {
    flow::change_phone(&state, &context, caller, change).await.map(Json)
}

/// Set the registration lock.
///
/// While it stands, a log-in on a new device needs the second factor, an earlier token of the account
/// or the recovery code that this answers. It lapses when no device was active for 7 days. Set again,
/// it gets another code. Needs a fresh proof, as a change of the number.
#[utoipa::path(put, path = "/auth/v1/account/registration-lock", tag = "account",
    security(("bearer" = [])), request_body = AccountProofRequest,
    responses((status = 200, body = RegistrationLockSet), ChangeProblems))]
async fn set_registration_lock(
    State(state): State<AccountState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(Shown(shown)): ValidatedJson<Shown>,
) -> Result<Json<RegistrationLockSet>, Problem> {
    flow::set_lock(&state, &context, caller, shown).await.map(Json)
}

/// Remove the registration lock.
///
/// Its recovery code is worth nothing from then on. Needs a fresh proof, as a change of the number.
#[utoipa::path(delete, path = "/auth/v1/account/registration-lock", tag = "account",
    security(("bearer" = [])), request_body = AccountProofRequest,
    responses((status = 204, description = "There is no lock."), ChangeProblems))]
async fn remove_registration_lock(
    State(state): State<AccountState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(Shown(shown)): ValidatedJson<Shown>,
) -> Result<StatusCode, Problem> {
    flow::remove_lock(&state, &context, caller, shown).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete the account.
///
/// Everything that tells of a person is erased, and every session ends. An identity key that was
/// proven may not come back. Needs a fresh proof, as a change of the number.
#[utoipa::path(delete, path = "/auth/v1/account", tag = "account",
    security(("bearer" = [])), request_body = AccountProofRequest,
    responses((status = 204, description = "The account is gone. The very next request of any session is refused."), ChangeProblems))]
async fn delete_account(
    State(state): State<AccountState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(Shown(shown)): ValidatedJson<Shown>,
) -> Result<StatusCode, Problem> {
    flow::delete(&state, &context, caller, shown).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Undo changes of second factor, registration lock and number.
///
/// For 7 days after a device made such a change, an older verified device can take it back: with an
/// earlier token of its own, and the number that the account had. All that younger devices changed
/// since then is taken back, and the sessions of all other devices end. Then log in.
#[utoipa::path(post, path = "/auth/v1/account/undo", tag = "account",
    request_body = UndoRequest,
    responses((status = 204, description = "The account is as it was."), UndoProblems))]
async fn undo_account_changes(
    State(state): State<AccountState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    binding: Binding,
    ValidatedJson(undo): ValidatedJson<UndoBody>,
) -> Result<StatusCode, Problem> {
    flow::undo(&state, &context, binding, undo).await?;
    Ok(StatusCode::NO_CONTENT)
}

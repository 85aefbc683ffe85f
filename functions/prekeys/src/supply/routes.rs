//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::DeviceId;
use shared::http::context::RequestContext;
use shared::http::extract::directory::NoTarget;
use shared::http::extract::fresh_proof::{FreshCaller, ProofFields, ProofRequest};
use shared::http::extract::{Caller, DirectoryCaller, PathIds, ValidatedJson};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::target::StatusOf;
use super::wire::{
    KeyHealth, KeyStatusBody, KeysCheckRequest, KeysDigest, KeysMatch, Recommendations,
};
use crate::state::PrekeysState;
use crate::target::{DeviceInPath, UserInPath};

problems!(KeysCheckProblems: BODY, BEARER, ANY, [SignedPrekeyMissing]);

problems!(DeviceProblems: BEARER, ANY, [IdMalformed, DeviceNotFound]);

problems!(OwnProblems: BEARER, ANY, [DeviceNotFound]);

problems!(DeleteProblems: BODY, BEARER, ANY, [FreshProofRequired, TwoFactorRequired, IdMalformed,
    DeviceNotFound]);

problems!(DeleteAllProblems: BODY, BEARER, ANY, [FreshProofRequired, TwoFactorRequired,
    DeviceNotFound]);

endpoints!(PrekeysState, Head::Refused; check_keys, fetch_key_status, fetch_key_recommendations, fetch_key_health, delete_device_keys, delete_all_keys);

/// Compare the published keys of this device with its local copy.
///
/// The digest covers the identity key, the signed prekey and the last-resort Kyber key.
/// If `match` is false, publish the keys again.
#[utoipa::path(post, path = "/auth/v1/signal/keys/check", tag = "prekeys",
    security(("bearer" = [])), request_body = KeysCheckRequest,
    responses((status = 200, body = KeysMatch), KeysCheckProblems))]
async fn check_keys(
    State(state): State<PrekeysState>,
    Caller(principal): Caller,
    ValidatedJson(digest): ValidatedJson<KeysDigest>,
) -> Result<Json<KeysMatch>, Problem> {
    let r#match = flow::check_keys(&state, principal, &digest).await?;
    Ok(Json(KeysMatch { r#match }))
}

/// Get the number of unused keys of one of the caller's devices.
///
/// `recommendedUpload` is how many keys to upload now.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/devices/{deviceId}/status",
    tag = "prekeys", security(("bearer" = [])),
    params(UserInPath, DeviceInPath),
    responses((status = 200, body = KeyStatusBody), DeviceProblems))]
async fn fetch_key_status(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<StatusOf>,
) -> Result<Json<KeyStatusBody>, Problem> {
    flow::status(&state, &context, caller).await.map(Json)
}

/// Get which keys this device should upload.
///
/// Ask at each start of the app, and after fetches by others have used keys up.
#[utoipa::path(get, path = "/auth/v1/signal/keys/recommendations", tag = "prekeys",
    security(("bearer" = [])),
    responses((status = 200, body = Recommendations), OwnProblems))]
async fn fetch_key_recommendations(
    State(state): State<PrekeysState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<Json<Recommendations>, Problem> {
    flow::recommendations(&state, &context, principal).await.map(Json)
}

/// Get the state of this device's keys in the format of older clients.
///
/// New clients use the recommendations.
#[utoipa::path(get, path = "/auth/v1/signal/health", tag = "prekeys",
    security(("bearer" = [])),
    responses((status = 200, body = KeyHealth), OwnProblems))]
async fn fetch_key_health(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<NoTarget>,
) -> Result<Json<KeyHealth>, Problem> {
    flow::health(&state, &context, caller).await.map(Json)
}

/// Delete the published keys of one of the caller's devices.
///
/// The device stays logged in. Senders no longer find it until it publishes keys again. Needs a
/// fresh proof: an access token of the last 2 minutes, and a log-in of the last 10 minutes or
/// `proofVerificationId`.
#[utoipa::path(delete, path = "/auth/v1/signal/keys/device/{deviceId}", tag = "prekeys",
    security(("bearer" = [])), params(DeviceInPath), request_body = ProofRequest,
    responses((status = 204, description = "The keys are deleted and are not returned to senders any more."), DeleteProblems))]
async fn delete_device_keys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: FreshCaller,
    PathIds([device]): PathIds<1>,
    ValidatedJson(fields): ValidatedJson<ProofFields>,
) -> Result<StatusCode, Problem> {
    let device = Some(DeviceId::from_uuid(device));
    flow::delete_keys(&state, &context, caller, fields, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete the published keys of all devices of the caller.
///
/// The devices stay logged in. Senders no longer find them until they publish keys again. Needs a
/// fresh proof, like the deletion of one device's keys.
#[utoipa::path(delete, path = "/auth/v1/signal/keys", tag = "prekeys",
    security(("bearer" = [])), request_body = ProofRequest,
    responses((status = 204, description = "The keys are deleted and are not returned to senders any more."), DeleteAllProblems))]
async fn delete_all_keys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: FreshCaller,
    ValidatedJson(fields): ValidatedJson<ProofFields>,
) -> Result<StatusCode, Problem> {
    flow::delete_keys(&state, &context, caller, fields, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

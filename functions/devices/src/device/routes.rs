//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::DeviceId;
use shared::http::context::RequestContext;
use shared::http::extract::{Caller, ChangeCaller, PathIds, ValidatedJson};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::wire::{
    DeviceRemovalRequest, DeviceUpdateRequest, OwnDevice, OwnDeviceInPath, RemovalProof,
    ValidUpdate, device_example,
};
use crate::state::DevicesState;

problems!(ListProblems: BEARER, ANY, []);

problems!(FetchProblems: BEARER, ANY, [IdMalformed, DeviceNotFound]);

problems!(UpdateProblems: BODY, BEARER, ANY, [IdMalformed, DeviceNotFound, DeviceTooNew]);

problems!(RemoveProblems: BODY, BEARER, ANY, [IdMalformed, DeviceNotFound, DeviceTooNew,
    FreshProofRequired, TwoFactorRequired, TwoFactorInvalid, TwoFactorLocked]);

endpoints!(DevicesState, Head::Refused; list_devices, fetch_device, update_device, remove_device);

/// List the devices of the caller.
///
/// The newest activity comes first. For older clients the answer also holds `last_active` and
/// `is_current`.
#[utoipa::path(get, path = "/auth/v1/device", tag = "devices", security(("bearer" = [])),
    responses((status = 200, body = Vec<OwnDevice>, example = json!([device_example()])), ListProblems))]
async fn list_devices(
    State(state): State<DevicesState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<Json<Vec<OwnDevice>>, Problem> {
    flow::list(&state, &context, principal).await.map(Json)
}

/// Get one of the caller's devices.
///
/// The same as its entry in the list of devices.
#[utoipa::path(get, path = "/auth/v1/device/{deviceId}", tag = "devices",
    security(("bearer" = [])), params(OwnDeviceInPath),
    responses((status = 200, body = OwnDevice), FetchProblems))]
async fn fetch_device(
    State(state): State<DevicesState>,
    context: RequestContext,
    Caller(principal): Caller,
    PathIds([device]): PathIds<1>,
) -> Result<Json<OwnDevice>, Problem> {
    flow::find(&state, &context, principal, DeviceId::from_uuid(device)).await.map(Json)
}

/// Change the name or the push tokens of one of the caller's devices.
///
/// What is absent stays as it is. For 7 days, a device that joined by SMS alone beside another device
/// in use cannot change older devices.
#[utoipa::path(patch, path = "/auth/v1/device/{deviceId}", tag = "devices",
    security(("bearer" = [])), params(OwnDeviceInPath), request_body = DeviceUpdateRequest,
    responses((status = 200, body = OwnDevice), UpdateProblems))]
async fn update_device(
    State(state): State<DevicesState>,
    context: RequestContext,
    caller: ChangeCaller,
    PathIds([device]): PathIds<1>,
    ValidatedJson(ValidUpdate(update)): ValidatedJson<ValidUpdate>,
) -> Result<Json<OwnDevice>, Problem> {
    let device = DeviceId::from_uuid(device);
    flow::update(&state, &context, caller, device, &update).await.map(Json)
}

/// Remove one of the caller's devices.
///
/// Its sessions end, its keys are deleted, and senders no longer find it. This device and devices
/// that joined after it need no proof. An older device needs a fresh one: an access token of the last
/// 2 minutes, and a log-in of the last 10 minutes or `proofVerificationId`; with a second factor,
/// `twoFactorToken` or a step-up of the last 10 minutes instead. For 7 days, a device that
/// joined by SMS alone beside another device in use cannot remove older devices.
#[utoipa::path(delete, path = "/auth/v1/device/{deviceId}", tag = "devices",
    security(("bearer" = [])), params(OwnDeviceInPath), request_body = DeviceRemovalRequest,
    responses((status = 204, description = "The device is removed. The very next request of its session is refused."), RemoveProblems))]
async fn remove_device(
    State(state): State<DevicesState>,
    context: RequestContext,
    caller: ChangeCaller,
    PathIds([device]): PathIds<1>,
    ValidatedJson(RemovalProof(shown)): ValidatedJson<RemovalProof>,
) -> Result<StatusCode, Problem> {
    flow::remove(&state, &context, caller, DeviceId::from_uuid(device), shown).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use shared::http::context::RequestContext;
use shared::http::extract::{Caller, DirectoryCaller, ValidatedJson};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::target::DeviceListOf;
use super::wire::{DeviceDifferences, DevicesCheckRequest, KeyDevices, KnownDevices};
use crate::state::PrekeysState;
use crate::target::UserInPath;

problems!(ListProblems: BEARER, ANY, [IdMalformed, UserNotFound]);

problems!(DevicesCheckProblems: BODY, BEARER, ANY, [UserNotFound]);

endpoints!(PrekeysState, Head::Refused; list_key_devices, check_key_devices);

/// List the devices of a user for which senders encrypt.
///
/// Devices without keys are left out, and devices whose signed prekey is past its grace period.
/// `version` moves with every change, and bundles carry it.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/devices", tag = "prekeys",
    security(("bearer" = [])), params(UserInPath),
    responses((status = 200, body = KeyDevices), ListProblems))]
async fn list_key_devices(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<DeviceListOf>,
) -> Result<Json<KeyDevices>, Problem> {
    flow::devices(&state, &context, caller).await.map(Json)
}

/// Compare a sender's device list of a user with the current list.
///
/// Before a message is sent: the sender adds what is missing and drops the rest.
#[utoipa::path(post, path = "/auth/v1/signal/devices/check", tag = "prekeys",
    security(("bearer" = [])), request_body = DevicesCheckRequest,
    responses((status = 200, body = DeviceDifferences), DevicesCheckProblems))]
async fn check_key_devices(
    State(state): State<PrekeysState>,
    context: RequestContext,
    Caller(principal): Caller,
    ValidatedJson(known): ValidatedJson<KnownDevices>,
) -> Result<Json<DeviceDifferences>, Problem> {
    flow::check_devices(&state, &context, principal, &known).await.map(Json)
}

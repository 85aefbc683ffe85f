//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use shared::http::context::RequestContext;
use shared::http::extract::DirectoryCaller;
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::target::{BundleOf, BundlesOf, BundlesOfOne};
use super::wire::{BundlesRequest, DeviceBundle, SeveralBundles, UserBundles};
use crate::state::PrekeysState;
use crate::target::{DeviceInPath, UserInPath};

problems!(FetchProblems: BEARER, ANY, [IdMalformed, KeysNotFound, KeysExpired]);

problems!(FetchManyProblems: BODY, BEARER, ANY, [KeysNotFound, KeysExpired]);

endpoints!(PrekeysState, Head::Refused; fetch_prekey_bundle, fetch_user_bundles, fetch_bundles);

/// Fetch the bundle of one device.
///
/// Each call consumes one one-time prekey of each kind; no other caller receives it. A caller
/// gets at most 10 one-time prekeys of a device at once, then 1 per 10 minutes. Above that
/// limit, and when none is left, the bundle contains no EC one-time prekey and the last-resort
/// Kyber prekey. A session can be started with it.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/devices/{deviceId}", tag = "prekeys",
    security(("bearer" = [])), params(UserInPath, DeviceInPath),
    responses((status = 200, body = DeviceBundle), FetchProblems))]
async fn fetch_prekey_bundle(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<BundleOf>,
) -> Result<Json<DeviceBundle>, Problem> {
    flow::device_bundle(&state, &context, caller).await.map(Json)
}

/// Fetch the bundles of all devices of a user.
///
/// The limits for one-time prekeys apply per call and user. For the caller's own account the
/// answer holds the other devices, because messages are also sent to them; an empty list if
/// there is none.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/bundles", tag = "prekeys",
    security(("bearer" = [])), params(UserInPath),
    responses((status = 200, body = UserBundles), FetchProblems))]
async fn fetch_user_bundles(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<BundlesOfOne>,
) -> Result<Json<UserBundles>, Problem> {
    flow::user_bundles(&state, &context, caller).await.map(Json)
}

/// Fetch the bundles of all devices of several users.
///
/// At most 50 users per call. Users without keys are omitted. If no user has keys, the answer
/// is 404. An answer holds at most 1,600 bundles (5 MB). The users that do not fit are in
/// `remaining`: no key of theirs was taken.
#[utoipa::path(post, path = "/auth/v1/signal/keys/bundles", tag = "prekeys",
    security(("bearer" = [])), request_body = BundlesRequest,
    responses((status = 200, body = SeveralBundles), FetchManyProblems))]
async fn fetch_bundles(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<BundlesOf>,
) -> Result<Json<SeveralBundles>, Problem> {
    flow::bundles(&state, &context, caller).await.map(Json)
}

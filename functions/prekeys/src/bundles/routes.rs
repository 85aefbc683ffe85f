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

problems!(FetchProblems: BEARER, ANY, [IdMalformed, KeysNotFound, KeysExpired]);

problems!(FetchManyProblems: BODY, BEARER, ANY, [KeysNotFound, KeysExpired]);

endpoints!(PrekeysState, Head::Refused; fetch_prekey_bundle, fetch_user_bundles, fetch_bundles);

/// Fetch the bundle of one device.
///
/// Takes one of its one-time keys of each kind, which nobody else is given. One caller gets
/// ten of a device at once and then one in ten minutes; above that, and when none is left,
/// the bundle comes without, and with the Kyber key of last resort: a session can always
/// begin.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/devices/{deviceId}", tag = "prekeys",
    security(("bearer" = [])), params(("userId" = Uuid, Path), ("deviceId" = Uuid, Path)),
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
/// In one call, each with one-time keys as above; the burst counts calls. Of the caller's
/// own account, the other devices: what is sent is sent to them too.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/bundles", tag = "prekeys",
    security(("bearer" = [])), params(("userId" = Uuid, Path)),
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
/// Up to 50 in one call. Those without keys are left out; if that leaves none, 404.
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

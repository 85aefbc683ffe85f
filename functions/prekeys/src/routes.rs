//! The routes: extract, call one flow, answer.

use crate::state::PrekeysState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::DeviceId;
use shared::http::context::RequestContext;
use shared::http::extract::ValidatedJson;
use shared::http::extract::directory::NoTarget;
use shared::http::extract::{Caller, DirectoryCaller, KeyUploadCaller, PathIds};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::http::signal_keys::{KyberPrekeyWire, SignedPrekeyWire};
use shared::{endpoints, problems};

use crate::target::{BundleOf, BundlesOf, BundlesOfOne, DeviceListOf, StatusOf};
use crate::wire::{
    BundlesRequest, DeviceBundle, DeviceDifferences, DevicesCheckRequest, KeyDevices, KeyHealth,
    KeyStatusBody, KeysCheckRequest, KeysDigest, KeysMatch, KnownDevices, KyberPrekeys,
    KyberPrekeysRequest, LastResortUpload, Prekeys, PrekeysRequest, Recommendations,
    SeveralBundles, SignedUpload, Uploaded, UserBundles,
};
use crate::{fetch, maintenance, upload};

problems!(UploadProblems: BODY, BEARER, ANY, [IdentityKeyMissing, KeyInvalid]);
problems!(ListProblems: BEARER, ANY, [IdMalformed, UserNotFound]);
problems!(FetchProblems: BEARER, ANY, [IdMalformed, KeysNotFound, KeysExpired]);
problems!(FetchManyProblems: BODY, BEARER, ANY, [KeysNotFound, KeysExpired]);
problems!(DevicesCheckProblems: BODY, BEARER, ANY, [UserNotFound]);
problems!(KeysCheckProblems: BODY, BEARER, ANY, [SignedPrekeyMissing]);
problems!(DeviceProblems: BEARER, ANY, [IdMalformed, DeviceNotFound]);
problems!(OwnProblems: BEARER, ANY, [DeviceNotFound]);

endpoints!(
    PrekeysState, Head::Refused;
    upload_signed_prekey,
    upload_prekeys,
    upload_kyber_prekeys,
    upload_kyber_last_resort,
    list_key_devices,
    fetch_prekey_bundle,
    fetch_user_bundles,
    fetch_bundles,
    check_key_devices,
    check_keys,
    fetch_key_status,
    fetch_key_recommendations,
    fetch_key_health,
    delete_device_keys,
    delete_all_keys,
);

pub fn router() -> axum::Router<PrekeysState> {
    endpoints()
}

/// Rotate the signed prekey of this device.
///
/// Active for seven days, then handed out for 30 more; a client rotates every few days and
/// keeps the private part of the last one for messages that are still under way.
#[utoipa::path(post, path = "/auth/v1/signal/keys/signed-prekey", tag = "prekeys",
    security(("bearer" = [])), request_body = SignedPrekeyWire,
    responses((status = 201, body = Uploaded), UploadProblems))]
async fn upload_signed_prekey(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(SignedUpload(signed)): ValidatedJson<SignedUpload>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(upload::signed_prekey(&state, &context, principal, &signed).await)
}

/// Replace the one-time keys of this device that wait.
///
/// Up to 200, handed out in the order of the list. An empty list changes nothing. A key that
/// was handed out before is passed over: it is never handed out again.
#[utoipa::path(post, path = "/auth/v1/signal/keys/prekeys", tag = "prekeys",
    security(("bearer" = [])), request_body = PrekeysRequest,
    responses((status = 201, body = Uploaded), UploadProblems))]
async fn upload_prekeys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(Prekeys(keys)): ValidatedJson<Prekeys>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(upload::prekeys(&state, &context, principal, &keys).await)
}

/// Replace the one-time Kyber keys of this device that wait.
///
/// As with the other one-time keys. None of them may be the key of last resort, or have its
/// id.
#[utoipa::path(post, path = "/auth/v1/signal/keys/kyber-prekeys", tag = "prekeys",
    security(("bearer" = [])), request_body = KyberPrekeysRequest,
    responses((status = 201, body = Uploaded), UploadProblems))]
async fn upload_kyber_prekeys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(KyberPrekeys(keys)): ValidatedJson<KyberPrekeys>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(upload::kyber_prekeys(&state, &context, principal, &keys).await)
}

/// Replace the Kyber key of last resort of this device.
///
/// Handed out, to as many as ask, whenever no one-time Kyber key is left.
#[utoipa::path(post, path = "/auth/v1/signal/keys/kyber-last-resort", tag = "prekeys",
    security(("bearer" = [])), request_body = KyberPrekeyWire,
    responses((status = 201, body = Uploaded), UploadProblems))]
async fn upload_kyber_last_resort(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(LastResortUpload(key)): ValidatedJson<LastResortUpload>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(upload::kyber_last_resort(&state, &context, principal, &key).await)
}

/// List the devices of a user that others encrypt for.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/devices", tag = "prekeys",
    security(("bearer" = [])), params(("userId" = Uuid, Path)),
    responses((status = 200, body = KeyDevices), ListProblems))]
async fn list_key_devices(
    State(state): State<PrekeysState>,
    caller: DirectoryCaller<DeviceListOf>,
) -> Result<Json<KeyDevices>, Problem> {
    fetch::devices(&state, caller).await.map(Json)
}

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
    fetch::device_bundle(&state, &context, caller).await.map(Json)
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
    fetch::user_bundles(&state, &context, caller).await.map(Json)
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
    fetch::bundles(&state, &context, caller).await.map(Json)
}

/// Compare a sender's list of a user's devices with the real one.
#[utoipa::path(post, path = "/auth/v1/signal/devices/check", tag = "prekeys",
    security(("bearer" = [])), request_body = DevicesCheckRequest,
    responses((status = 200, body = DeviceDifferences), DevicesCheckProblems))]
async fn check_key_devices(
    State(state): State<PrekeysState>,
    Caller(principal): Caller,
    ValidatedJson(known): ValidatedJson<KnownDevices>,
) -> Result<Json<DeviceDifferences>, Problem> {
    maintenance::check_devices(&state, principal, &known).await.map(Json)
}

/// Compare the lasting keys of this device with those it believes to have published.
#[utoipa::path(post, path = "/auth/v1/signal/keys/check", tag = "prekeys",
    security(("bearer" = [])), request_body = KeysCheckRequest,
    responses((status = 200, body = KeysMatch), KeysCheckProblems))]
async fn check_keys(
    State(state): State<PrekeysState>,
    Caller(principal): Caller,
    ValidatedJson(digest): ValidatedJson<KeysDigest>,
) -> Result<Json<KeysMatch>, Problem> {
    let r#match = maintenance::check_keys(&state, principal, &digest).await?;
    Ok(Json(KeysMatch { r#match }))
}

/// Tell what an own device has left.
#[utoipa::path(get, path = "/auth/v1/signal/keys/{userId}/devices/{deviceId}/status",
    tag = "prekeys", security(("bearer" = [])),
    params(("userId" = Uuid, Path), ("deviceId" = Uuid, Path)),
    responses((status = 200, body = KeyStatusBody), DeviceProblems))]
async fn fetch_key_status(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<StatusOf>,
) -> Result<Json<KeyStatusBody>, Problem> {
    maintenance::status(&state, &context, caller).await.map(Json)
}

/// Tell what this device should upload.
#[utoipa::path(get, path = "/auth/v1/signal/keys/recommendations", tag = "prekeys",
    security(("bearer" = [])),
    responses((status = 200, body = Recommendations), OwnProblems))]
async fn fetch_key_recommendations(
    State(state): State<PrekeysState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<Json<Recommendations>, Problem> {
    maintenance::recommendations(&state, &context, principal).await.map(Json)
}

/// Tell how this device's keys are, as shipped clients ask it.
#[utoipa::path(get, path = "/auth/v1/signal/health", tag = "prekeys",
    security(("bearer" = [])),
    responses((status = 200, body = KeyHealth), OwnProblems))]
async fn fetch_key_health(
    State(state): State<PrekeysState>,
    context: RequestContext,
    caller: DirectoryCaller<NoTarget>,
) -> Result<Json<KeyHealth>, Problem> {
    maintenance::health(&state, &context, caller).await.map(Json)
}

/// Take the keys of an own device out of the directory. The device stays.
#[utoipa::path(delete, path = "/auth/v1/signal/keys/device/{deviceId}", tag = "prekeys",
    security(("bearer" = [])), params(("deviceId" = Uuid, Path)),
    responses((status = 204, description = "Nobody is given them any more."), DeviceProblems))]
async fn delete_device_keys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    Caller(principal): Caller,
    PathIds([device]): PathIds<1>,
) -> Result<StatusCode, Problem> {
    maintenance::delete_keys(&state, &context, principal, Some(DeviceId::from_uuid(device)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take the keys of all own devices out of the directory.
#[utoipa::path(delete, path = "/auth/v1/signal/keys", tag = "prekeys",
    security(("bearer" = [])),
    responses((status = 204, description = "Nobody is given them any more."), OwnProblems))]
async fn delete_all_keys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<StatusCode, Problem> {
    maintenance::delete_keys(&state, &context, principal, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn created(uploaded: Result<Uploaded, Problem>) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    uploaded.map(|uploaded| (StatusCode::CREATED, Json(uploaded)))
}

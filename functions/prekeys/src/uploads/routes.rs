//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::http::context::RequestContext;
use shared::http::extract::{KeyUploadCaller, ValidatedJson};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::http::signal_keys::{KyberPrekeyWire, SignedPrekeyWire};
use shared::{endpoints, problems};

use super::flow;
use super::wire::{
    KyberPrekeys, KyberPrekeysRequest, LastResortUpload, Prekeys, PrekeysRequest, SignedUpload,
    Uploaded,
};
use crate::state::PrekeysState;

problems!(UploadProblems: BODY, BEARER, ANY, [IdentityKeyMissing, KeyInvalid]);

endpoints!(PrekeysState, Head::Refused; upload_signed_prekey, upload_prekeys, upload_kyber_prekeys, upload_kyber_last_resort);

/// Rotate the signed prekey of this device.
///
/// A signed prekey is active for 7 days and is still returned to senders for another 30 days.
/// Rotate it every few days. Keep the private key of the previous one for messages that are
/// still in transit.
#[utoipa::path(post, path = "/auth/v1/signal/keys/signed-prekey", tag = "prekeys",
    security(("bearer" = [])), request_body = SignedPrekeyWire,
    responses((status = 201, body = Uploaded, example = json!({ "message": "The signed prekey is stored." })),
        UploadProblems))]
async fn upload_signed_prekey(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(SignedUpload(signed)): ValidatedJson<SignedUpload>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(flow::signed_prekey(&state, &context, principal, &signed).await)
}

/// Replace the unused one-time EC prekeys of this device.
///
/// At most 200. They are handed out in the order of the list. An empty list changes nothing.
/// A key that was handed out before is skipped and is never handed out again.
#[utoipa::path(post, path = "/auth/v1/signal/keys/prekeys", tag = "prekeys",
    security(("bearer" = [])), request_body = PrekeysRequest,
    responses((status = 201, body = Uploaded, example = json!({ "message": "The prekeys are stored.", "uploaded": 5 })),
        UploadProblems))]
async fn upload_prekeys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(Prekeys(keys)): ValidatedJson<Prekeys>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(flow::prekeys(&state, &context, principal, &keys).await)
}

/// Replace the unused one-time Kyber prekeys of this device.
///
/// The rules of the one-time EC prekeys apply. No key may equal the last-resort prekey or have
/// its id.
#[utoipa::path(post, path = "/auth/v1/signal/keys/kyber-prekeys", tag = "prekeys",
    security(("bearer" = [])), request_body = KyberPrekeysRequest,
    responses((status = 201, body = Uploaded, example = json!({ "message": "The Kyber prekeys are stored.", "uploaded": 1 })),
        UploadProblems))]
async fn upload_kyber_prekeys(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(KyberPrekeys(keys)): ValidatedJson<KyberPrekeys>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(flow::kyber_prekeys(&state, &context, principal, &keys).await)
}

/// Replace the last-resort Kyber prekey of this device.
///
/// It is returned to senders when no one-time Kyber prekey is left, and can be used many times.
#[utoipa::path(post, path = "/auth/v1/signal/keys/kyber-last-resort", tag = "prekeys",
    security(("bearer" = [])), request_body = KyberPrekeyWire,
    responses((status = 201, body = Uploaded, example = json!({ "message": "The last-resort prekey is stored." })),
        UploadProblems))]
async fn upload_kyber_last_resort(
    State(state): State<PrekeysState>,
    context: RequestContext,
    KeyUploadCaller(principal): KeyUploadCaller,
    ValidatedJson(LastResortUpload(key)): ValidatedJson<LastResortUpload>,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    created(flow::kyber_last_resort(&state, &context, principal, &key).await)
}

fn created(uploaded: Result<Uploaded, Problem>) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    uploaded.map(|uploaded| (StatusCode::CREATED, Json(uploaded)))
}

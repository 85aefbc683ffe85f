//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::{DeviceId, QrLoginId};
use shared::cache::qr::QrKind;
use shared::http::context::RequestContext;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::extract::{
    Binding, Caller, ChallengeCaller, FreshCaller, PathIds, RateLimited, ValidatedJson,
};
use shared::http::login_tokens::{Tokens, qr_answer_example};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::wire::{
    ChallengeInPath, OwnDeviceInPath, QrScan, QrScanPollRequest, QrScanRequest, Scan, ScanInPath,
    ScanPoll, challenge_example, scan_example,
};
use crate::qr::approval;
use crate::qr::wire::{
    ApprovalBody, ApprovalRequest, Polled, QrLoginBody, QrPending, qr_login_example,
};
use crate::state::DevicesState;

problems!(ShowProblems: BEARER, ANY, [IdMalformed, DeviceNotFound]);
problems!(ScanProblems: BODY, ANY, [QrGone, KeyInvalid, KyberLastResortRequired,
    IdentityProofRequired, DpopProofInvalid]);
problems!(FetchProblems: BEARER, ANY, [IdMalformed, QrNotFound]);
problems!(ApproveProblems: BODY, BEARER, ANY, [IdMalformed, QrNotFound, QrNotReady, QrGone,
    ConfirmCodeIncorrect, FreshProofRequired, TwoFactorRequired, TwoFactorInvalid,
    TwoFactorLocked]);
problems!(DenyProblems: BEARER, ANY, [IdMalformed, QrNotFound, QrGone]);
problems!(PollProblems: BODY, ANY, [IdMalformed, QrDenied, QrGone, DeviceLimit, IdentityKeyInUse,
    DeviceIdsExhausted, DpopProofInvalid]);

endpoints!(DevicesState, Head::Refused; create_qr_challenge, scan_qr_challenge, fetch_qr_challenge,
    approve_qr_challenge, poll_qr_scan, deny_qr_challenge);

/// Get a challenge to show as a QR code.
///
/// The path names the device of the caller. The text is good for 5 minutes and one scan:
/// `{id}.{deviceId}.{secret}`. Show it whole as a QR code; the part before the first dot is the id for
/// the calls that follow. Then fetch the challenge until a device has scanned it, and let the user
/// type the code that this device shows.
#[utoipa::path(post, path = "/auth/v1/qr-code/challenge/{id}", tag = "devices",
    security(("bearer" = [])), params(OwnDeviceInPath),
    responses((status = 201, body = String, content_type = "text/plain",
        example = json!(challenge_example())), ShowProblems))]
async fn create_qr_challenge(
    State(state): State<DevicesState>,
    context: RequestContext,
    ChallengeCaller(principal): ChallengeCaller,
    PathIds([device]): PathIds<1>,
) -> Result<(StatusCode, String), Problem> {
    let device = DeviceId::from_uuid(device);
    let challenge = flow::show(&state, &context, principal, device).await?;
    Ok((StatusCode::CREATED, challenge.expose().to_owned()))
}

/// Scan the challenge that a logged-in device shows.
///
/// The new device shows `confirmCode` to its user, and polls every two seconds with `scanSecret`. Of
/// several devices that scan a challenge, one waits; the others get 410. With a DPoP proof, the tokens
/// will be bound to its key.
#[utoipa::path(post, path = "/auth/v1/qr-code/scan", tag = "devices",
    request_body(content = QrScanRequest, example = json!(scan_example())),
    responses((status = 202, body = QrScan), ScanProblems))]
async fn scan_qr_challenge(
    State(state): State<DevicesState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    binding: Binding,
    ValidatedJson(scan): ValidatedJson<Scan>,
) -> Result<(StatusCode, Json<QrScan>), Problem> {
    let scanned = flow::scan(&state, &context, binding, scan).await?;
    Ok((StatusCode::ACCEPTED, Json(scanned)))
}

/// Get who has scanned the challenge of this device.
///
/// Show it to the user before they decide. The confirm code is not here: the user reads it on the
/// new device.
#[utoipa::path(get, path = "/auth/v1/qr-code/challenge/{id}", tag = "devices",
    security(("bearer" = [])), params(ChallengeInPath),
    responses((status = 200, body = QrLoginBody, example = json!(qr_login_example(300))), FetchProblems))]
async fn fetch_qr_challenge(
    State(state): State<DevicesState>,
    context: RequestContext,
    Caller(principal): Caller,
    PathIds([id]): PathIds<1>,
) -> Result<Json<QrLoginBody>, Problem> {
    let of = (QrKind::Challenge, &QrLoginId::from_uuid(id));
    approval::show(&state, &context, principal, of).await.map(Json)
}

/// Let the device in that scanned the challenge.
///
/// The user types the code that the new device shows; one wrong code ends the log-in. Needs a fresh
/// proof: an access token of the last 2 minutes, and a log-in of the last 10 minutes or
/// `proofVerificationId`; with a second factor, `twoFactorToken` or a step-up of the last 10 minutes
/// instead. The approval ends with the session that gave it, and with a change of the second factor.
#[utoipa::path(post, path = "/auth/v1/qr-code/challenge/{id}/approve", tag = "devices",
    security(("bearer" = [])), params(ChallengeInPath), request_body = ApprovalRequest,
    responses((status = 204, description = "The next poll of the new device gets its tokens."), ApproveProblems))]
async fn approve_qr_challenge(
    State(state): State<DevicesState>,
    context: RequestContext,
    caller: FreshCaller,
    PathIds([id]): PathIds<1>,
    ValidatedJson(body): ValidatedJson<ApprovalBody>,
) -> Result<StatusCode, Problem> {
    let of = (QrKind::Challenge, &QrLoginId::from_uuid(id));
    approval::approve(&state, &context, caller, of, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuse the device that scanned the challenge.
///
/// Also ends a challenge that nobody has scanned, and an approval whose tokens nobody has fetched.
#[utoipa::path(post, path = "/auth/v1/qr-code/challenge/{id}/deny", tag = "devices",
    security(("bearer" = [])), params(ChallengeInPath),
    responses((status = 204, description = "The next poll of the new device is refused."), DenyProblems))]
async fn deny_qr_challenge(
    State(state): State<DevicesState>,
    context: RequestContext,
    Caller(principal): Caller,
    PathIds([id]): PathIds<1>,
) -> Result<StatusCode, Problem> {
    let of = (QrKind::Challenge, &QrLoginId::from_uuid(id));
    approval::deny(&state, &context, principal, of).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log in after a scan, once the logged-in device has approved it.
///
/// 202 until then: ask again in two seconds. The same secret gets the tokens of the same session again
/// for a minute, until they are refreshed. With 10 devices on the account, 409 `device_limit` lists
/// them; repeat with `replaceDeviceId`. The device that approved is never replaced.
#[utoipa::path(post, path = "/auth/v1/qr-code/scan/{scanId}", tag = "devices",
    params(ScanInPath), request_body = QrScanPollRequest,
    responses((status = 200, body = Tokens, examples(
        ("QrLoginTokens" = (summary = "Approved", value = json!(qr_answer_example()))))),
        (status = 202, body = QrPending), PollProblems))]
async fn poll_qr_scan(
    State(state): State<DevicesState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    binding: Binding,
    PathIds([id]): PathIds<1>,
    ValidatedJson(body): ValidatedJson<ScanPoll>,
) -> Result<Polled, Problem> {
    flow::poll_scan(&state, &context, &binding, &QrLoginId::from_uuid(id), body).await
}

//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::QrLoginId;
use shared::cache::qr::QrKind;
use shared::http::context::RequestContext;
use shared::http::extract::rate_limit::{PublicRequests, QrLinks};
use shared::http::extract::{Binding, Caller, FreshCaller, PathIds, RateLimited, ValidatedJson};
use shared::http::login_tokens::{Tokens, qr_answer_example};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::wire::{LinkInPath, LinkPoll, QrLink, QrLinkPollRequest};
use crate::qr::approval;
use crate::qr::new_device::{NewDevice, QrLinkRequest};
use crate::qr::wire::{
    ApprovalBody, ApprovalRequest, Polled, QrLoginBody, QrPending, device_example, qr_login_example,
};
use crate::state::DevicesState;

problems!(CreateProblems: BODY, ANY, [KeyInvalid, KyberLastResortRequired, DpopProofInvalid]);
problems!(FetchProblems: BEARER, ANY, [IdMalformed, QrNotFound]);
problems!(ApproveProblems: BODY, BEARER, ANY, [IdMalformed, QrNotFound, QrNotReady, QrGone,
    ConfirmCodeIncorrect, FreshProofRequired, TwoFactorRequired, TwoFactorInvalid,
    TwoFactorLocked]);
problems!(DenyProblems: BEARER, ANY, [IdMalformed, QrNotFound, QrGone]);
problems!(PollProblems: BODY, ANY, [IdMalformed, QrDenied, QrGone, KeyInvalid,
    IdentityProofRequired, DeviceLimit, IdentityKeyInUse, DeviceIdsExhausted, DpopProofInvalid]);

endpoints!(DevicesState, Head::Refused; create_qr_link, fetch_qr_link, approve_qr_link,
    poll_qr_link, deny_qr_link);

/// Get a link to show as a QR code on a new device.
///
/// For a web client: show the picture and `confirmCode`, and poll every two seconds with `linkSecret`.
/// The QR code holds the id and a digest of the identity key, and is good for 2 minutes. With keys,
/// the first poll brings their `identityProof`. With a DPoP proof, the tokens will be bound to its key.
#[utoipa::path(post, path = "/auth/v1/qr-code/link", tag = "devices",
    request_body(content = QrLinkRequest, example = json!(device_example())),
    responses((status = 201, body = QrLink), CreateProblems))]
async fn create_qr_link(
    State(state): State<DevicesState>,
    context: RequestContext,
    _: RateLimited<QrLinks>,
    binding: Binding,
    ValidatedJson(device): ValidatedJson<NewDevice>,
) -> Result<(StatusCode, Json<QrLink>), Problem> {
    let link = flow::make(&state, &context, binding, device).await?;
    Ok((StatusCode::CREATED, Json(link)))
}

/// Get the new device that shows a link.
///
/// Show it to the user before they decide. The confirm code is not here: the user reads it on the
/// new device.
#[utoipa::path(get, path = "/auth/v1/qr-code/link/{linkId}", tag = "devices",
    security(("bearer" = [])), params(LinkInPath),
    responses((status = 200, body = QrLoginBody, example = json!(qr_login_example(120))), FetchProblems))]
async fn fetch_qr_link(
    State(state): State<DevicesState>,
    context: RequestContext,
    Caller(principal): Caller,
    PathIds([id]): PathIds<1>,
) -> Result<Json<QrLoginBody>, Problem> {
    let of = (QrKind::Link, &QrLoginId::from_uuid(id));
    approval::show(&state, &context, principal, of).await.map(Json)
}

/// Let the device in that shows a link.
///
/// The user types the code that the new device shows; one wrong code ends the log-in. Needs a fresh
/// proof: an access token of the last 2 minutes, and a log-in of the last 10 minutes or
/// `proofVerificationId`; with a second factor, `twoFactorToken` or a step-up of the last 10 minutes
/// instead. The approval ends with the session that gave it, and with a change of the second factor.
#[utoipa::path(post, path = "/auth/v1/qr-code/link/{linkId}/approve", tag = "devices",
    security(("bearer" = [])), params(LinkInPath), request_body = ApprovalRequest,
    responses((status = 204, description = "The next poll of the new device gets its tokens."), ApproveProblems))]
async fn approve_qr_link(
    State(state): State<DevicesState>,
    context: RequestContext,
    caller: FreshCaller,
    PathIds([id]): PathIds<1>,
    ValidatedJson(body): ValidatedJson<ApprovalBody>,
) -> Result<StatusCode, Problem> {
    let of = (QrKind::Link, &QrLoginId::from_uuid(id));
    approval::approve(&state, &context, caller, of, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuse the device that shows a link.
///
/// Also ends an approval whose tokens nobody has fetched.
#[utoipa::path(post, path = "/auth/v1/qr-code/link/{linkId}/deny", tag = "devices",
    security(("bearer" = [])), params(LinkInPath),
    responses((status = 204, description = "The next poll of the new device is refused."), DenyProblems))]
async fn deny_qr_link(
    State(state): State<DevicesState>,
    context: RequestContext,
    Caller(principal): Caller,
    PathIds([id]): PathIds<1>,
) -> Result<StatusCode, Problem> {
    let of = (QrKind::Link, &QrLoginId::from_uuid(id));
    approval::deny(&state, &context, principal, of).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log in by a link, once a logged-in device has approved it.
///
/// 202 until then: ask again in two seconds. The same secret gets the tokens of the same session again
/// for a minute, until they are refreshed. With 10 devices on the account, 409 `device_limit` lists
/// them; repeat with `replaceDeviceId`. The device that approved is never replaced.
#[utoipa::path(post, path = "/auth/v1/qr-code/link/{linkId}", tag = "devices",
    params(LinkInPath), request_body = QrLinkPollRequest,
    responses((status = 200, body = Tokens, examples(
        ("QrLoginTokens" = (summary = "Approved", value = json!(qr_answer_example()))))),
        (status = 202, body = QrPending), PollProblems))]
async fn poll_qr_link(
    State(state): State<DevicesState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    binding: Binding,
    PathIds([id]): PathIds<1>,
    ValidatedJson(body): ValidatedJson<LinkPoll>,
) -> Result<Polled, Problem> {
    flow::poll_link(&state, &context, &binding, &QrLoginId::from_uuid(id), body).await
}

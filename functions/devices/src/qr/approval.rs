//! The decision of the logged-in device.

use domain::ids::{CallId, QrLoginId, SessionId};
use domain::principal::Principal;
use shared::cache::qr::{QrDecision, QrKind, QrLogin, QrState};
use shared::http::context::RequestContext;
use shared::http::extract::FreshCaller;
use shared::http::extract::fresh_proof::forget_verification;
use shared::http::problem::{Code, Problem};

use super::wire::{ApprovalBody, QrLoginBody};
use crate::state::DevicesState;

/// A QR log-in, by the device that shows it or its id.
pub type Of<'a> = (QrKind, &'a QrLoginId);

/// A QR log-in that this device may decide: it shows the challenge, or nobody else has approved the
/// link.
async fn find(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
    (kind, id): Of<'_>,
) -> Result<QrLogin, Problem> {
    let found = state.core.cache.find_qr_login(kind, id, context.now()).await?;
    let own = (principal.user, principal.device);
    let found = found.filter(|login| login.owner.is_none_or(|owner| owner == own));
    found.ok_or_else(|| Problem::new(Code::QrNotFound))
}

/// Whether the new device has yet to prove that its keys are its own.
pub fn waits_for_proof(state: &DevicesState, kind: QrKind, login: &QrLogin) -> bool {
    // A scan brings the proof with it.
    let is_due = kind == QrKind::Link && login.has_keys && login.proof.is_none();
    is_due && !state.core.config.http.legacy_clients
}

/// Who waits.
pub async fn show(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
    of: Of<'_>,
) -> Result<QrLoginBody, Problem> {
    let login = find(state, context, principal, of).await?;
    let waits = waits_for_proof(state, of.0, &login);
    Ok(QrLoginBody::new(login, waits, context.now()))
}

/// Lets the new device in, if the user typed the code that it shows. One wrong code ends the log-in.
pub async fn approve(
    state: &DevicesState,
    context: &RequestContext,
    caller: FreshCaller,
    of: Of<'_>,
    ApprovalBody { code, shown }: ApprovalBody,
) -> Result<(), Problem> {
    let DevicesState { core, second_factor, .. } = state;
    let (principal, now) = (caller.principal(), context.now());
    let login = find(state, context, principal, of).await?;
    let is_right = login.is_confirm_code(&code.digest(of.1));
    match login.state {
        QrState::Shown => return Err(Problem::new(Code::QrNotReady)),
        QrState::Scanned if waits_for_proof(state, of.0, &login) => {
            return Err(Problem::new(Code::QrNotReady));
        }
        // The answer to the same request was lost.
        QrState::Approved if is_right => {
            let approver = login.approved.map(|(approval, _)| approval.approver);
            let is_own = approver.is_some_and(|approver| approver.session == principal.session);
            return if is_own { Ok(()) } else { Err(Problem::new(Code::QrGone)) };
        }
        QrState::Denied => return Err(Problem::new(Code::QrGone)),
        QrState::Scanned | QrState::Approved => {}
    }
    let shown = caller.with_any(core, second_factor, context, shown).await?;
    let approved = core.store.approve_device(&shown.proof, now).await;
    shown.conclude(core, &approved, now).await;
    let approved = approved??;
    if approved.used_verification {
        forget_verification(core, &shown.proof).await;
    }
    let decision = if is_right {
        QrDecision::Approve(&approved.approval, SessionId::new(now, &core.rng.bytes()))
    } else {
        QrDecision::Deny
    };
    let decided = decide(state, context, principal, of, &decision).await?;
    match (is_right, decided) {
        (false, _) => Err(Problem::new(Code::ConfirmCodeIncorrect)),
        (true, false) => Err(Problem::new(Code::QrGone)),
        (true, true) => Ok(()),
    }
}

/// Refuses the new device, also one that was approved and has not fetched its tokens.
pub async fn deny(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
    of: Of<'_>,
) -> Result<(), Problem> {
    let _ = find(state, context, principal, of).await?;
    let decided = decide(state, context, principal, of, &QrDecision::Deny).await?;
    if decided { Ok(()) } else { Err(Problem::new(Code::QrGone)) }
}

async fn decide(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
    of: Of<'_>,
    decision: &QrDecision<'_>,
) -> Result<bool, Problem> {
    let (call, by) = (CallId::new(state.core.rng.bytes()), (principal.user, principal.device));
    Ok(state.core.cache.decide_qr_login(of, by, decision, call, context.now()).await?)
}

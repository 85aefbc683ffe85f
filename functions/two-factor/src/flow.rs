//! The use cases: load, check, store, answer.

use domain::ids::CallId;
use domain::principal::Principal;
use domain::second_factor::{SECRET_LENGTH, SecondFactorToken, is_pending};
use shared::audit::SecurityEvent;
use shared::http::context::RequestContext;
use shared::http::extract::FreshCaller;
use shared::http::extract::fresh_proof::{ProofFields, ProofWithCode};
use shared::http::problem::{Code, Problem};
use shared::maintenance::apply_second_factor_reset;
use shared::qr::QrPicture;
use shared::second_factor::totp::provisioning;
use shared::store::access::AccessDenied;
use shared::store::second_factor::{
    EnableOutcome, ResetCancelled, SecondFactorState, SetUpOutcome,
};

use crate::state::TwoFactorState;
use crate::wire::{BackupCodes, Enable, SecondFactorSetup};

/// Gives the session a secret for an authenticator app.
pub async fn set_up(
    state: &TwoFactorState,
    context: &RequestContext,
    caller: FreshCaller,
    fields: ProofFields,
) -> Result<SecondFactorSetup, Problem> {
    let TwoFactorState { core, second_factor, brand, .. } = state;
    let found = find(state, caller.principal()).await?;
    if found.enabled {
        return Err(Problem::new(Code::TwoFactorEnabled));
    }
    let proof = caller.with(core, &second_factor.pepper, context, fields).await?;
    let keys = second_factor.data_keys.load();
    let secret = keys.encrypt(found.user, &core.rng.bytes::<SECRET_LENGTH>(), core.rng);
    let secret = secret.map_err(Problem::internal)?;
    let audit = context.audit_entry(
        SecurityEvent::SecondFactorSetUp,
        Some(proof.principal().session),
        core.rng,
    );
    let stored = core.store.set_up_second_factor(&proof, &secret, context.now(), &audit).await??;
    let stored = match stored {
        SetUpOutcome::Pending(stored) => stored,
        SetUpOutcome::AlreadyEnabled => return Err(Problem::new(Code::TwoFactorEnabled)),
    };
    let secret = keys.decrypt(found.user, &stored).map_err(Problem::internal)?;
    let account = found.phone.map(|phone| phone.masked()).unwrap_or_default();
    let given = provisioning(&secret, brand, &account).map_err(Problem::internal)?;
    let picture = QrPicture::new(&given.uri).and_then(|code| code.png_data_url());
    Ok(SecondFactorSetup {
        qr_code_url: picture.map_err(Problem::internal)?,
        secret: given.secret,
        otpauth_uri: given.uri,
    })
}

/// Enables the secret of the session by a first code.
pub async fn enable(
    state: &TwoFactorState,
    context: &RequestContext,
    caller: FreshCaller,
    Enable { code, proof }: Enable,
) -> Result<BackupCodes, Problem> {
    let TwoFactorState { core, second_factor, .. } = state;
    let (principal, now) = (caller.principal(), context.now());
    let found = find(state, principal).await?;
    if found.enabled {
        return Err(Problem::new(Code::TwoFactorEnabled));
    }
    let pending = found.pending.as_ref().filter(|pending| {
        pending.session == principal.session && is_pending(pending.shown_at, now)
    });
    let pending = pending.ok_or_else(|| Problem::new(Code::TwoFactorNotSetUp))?;
    let right = second_factor.check_pending(core, &found, pending, &code, now).await?;
    let right = right.ok_or_else(|| Problem::new(Code::TwoFactorInvalid))?;
    let proof = caller.with(core, &second_factor.pepper, context, proof).await?;
    let codes = second_factor.draw_backup_codes(core, found.user).await?;
    let audit =
        context.audit_entry(SecurityEvent::SecondFactorEnabled, Some(principal.session), core.rng);
    let enabled =
        core.store.enable_second_factor(&proof, &right.code, &codes.stored, now, &audit).await;
    right.conclude(core, &enabled, now).await;
    match enabled?? {
        EnableOutcome::Enabled(ended) => core.write_tombstones(found.user, &ended).await,
        EnableOutcome::Changed => return Err(Problem::new(Code::TwoFactorNotSetUp)),
    }
    Ok(BackupCodes { backup_codes: codes.shown })
}

/// Shows the second factor in the session of the caller. False if the code is wrong or was used.
pub async fn verify(
    state: &TwoFactorState,
    context: &RequestContext,
    principal: Principal,
    token: &SecondFactorToken,
) -> Result<bool, Problem> {
    let TwoFactorState { core, second_factor, .. } = state;
    let (found, now) = (enabled(state, principal).await?, context.now());
    let session = Some(principal.session);
    let Some(right) = second_factor.check(core, &found, session, token, now).await? else {
        return Ok(false);
    };
    let call = CallId::new(core.rng.bytes());
    let event = match token {
        SecondFactorToken::Totp(_) => SecurityEvent::SecondFactorVerified,
        SecondFactorToken::BackupCode(_) => SecurityEvent::BackupCodeUsed,
    };
    let audit = context.audit_entry(event, Some(principal.session), core.rng);
    let stepped_up = core.store.step_up(principal, &right.code, call, now, &audit).await;
    right.conclude(core, &stepped_up, now).await;
    match stepped_up? {
        Err(AccessDenied::SecondFactorSpent) => Ok(false),
        result => Ok(result.map(|()| true)?),
    }
}

/// Disables the second factor.
pub async fn disable(
    state: &TwoFactorState,
    context: &RequestContext,
    caller: FreshCaller,
    token: &SecondFactorToken,
) -> Result<(), Problem> {
    let (core, principal, now) = (&state.core, caller.principal(), context.now());
    let ProofWithCode { proof, code } = prove(state, context, caller, token).await?;
    let audit =
        context.audit_entry(SecurityEvent::SecondFactorDisabled, Some(principal.session), core.rng);
    let disabled = core.store.disable_second_factor(&proof, now, &audit).await;
    code.conclude(core, &disabled, now).await;
    core.write_tombstones(principal.user, &disabled??).await;
    Ok(())
}

/// Cancels the reset of the second factor that an operator asked for.
pub async fn cancel_reset(
    state: &TwoFactorState,
    context: &RequestContext,
    principal: Principal,
) -> Result<(), Problem> {
    let event = SecurityEvent::SecondFactorResetCancelled;
    let audit = context.audit_entry(event, Some(principal.session), state.core.rng);
    let store = &state.core.store;
    match store.cancel_second_factor_reset(principal, context.now(), &audit).await? {
        ResetCancelled::NonePending => Ok(()),
        ResetCancelled::SessionEnded => Err(Problem::new(Code::SessionEnded)),
        ResetCancelled::DeviceUnverified => Err(Problem::new(Code::DeviceUnverified)),
    }
}

/// Replaces the backup codes.
pub async fn replace_backup_codes(
    state: &TwoFactorState,
    context: &RequestContext,
    caller: FreshCaller,
    token: &SecondFactorToken,
) -> Result<BackupCodes, Problem> {
    let TwoFactorState { core, second_factor, .. } = state;
    let (principal, now) = (caller.principal(), context.now());
    let ProofWithCode { proof, code } = prove(state, context, caller, token).await?;
    let codes = second_factor.draw_backup_codes(core, principal.user).await?;
    let audit =
        context.audit_entry(SecurityEvent::BackupCodesReplaced, Some(principal.session), core.rng);
    let replaced = core.store.replace_backup_codes(&proof, &codes.stored, now, &audit).await;
    code.conclude(core, &replaced, now).await;
    replaced??;
    Ok(BackupCodes { backup_codes: codes.shown })
}

/// The proof of a change that a code of the second factor allows.
async fn prove(
    state: &TwoFactorState,
    context: &RequestContext,
    caller: FreshCaller,
    token: &SecondFactorToken,
) -> Result<ProofWithCode, Problem> {
    let TwoFactorState { core, second_factor, .. } = state;
    let found = enabled(state, caller.principal()).await?;
    let fields = ProofFields::default();
    caller.with_second_factor(core, second_factor, context, fields, (&found, token)).await
}

/// The second factor of the caller, enabled or not. If its reset has taken effect, it is deleted first.
pub async fn find(
    state: &TwoFactorState,
    principal: Principal,
) -> Result<SecondFactorState, Problem> {
    let TwoFactorState { core, .. } = state;
    let (user, now) = (principal.user, core.clock.now());
    let mut found = core.store.find_second_factor(user, now).await?;
    if found.as_ref().is_some_and(|found| found.is_reset_due(now)) {
        apply_second_factor_reset(core, user, now).await?;
        found = core.store.find_second_factor(user, now).await?;
    }
    // The account is gone, and its sessions with it.
    found.ok_or_else(|| Problem::new(Code::SessionEnded))
}

/// The same, if it is enabled.
async fn enabled(
    state: &TwoFactorState,
    principal: Principal,
) -> Result<SecondFactorState, Problem> {
    let found = find(state, principal).await?;
    if found.enabled { Ok(found) } else { Err(Problem::new(Code::TwoFactorDisabled)) }
}

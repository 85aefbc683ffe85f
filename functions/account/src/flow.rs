//! The use cases: load, decide, store, answer.

use domain::ids::CallId;
use domain::principal::Principal;
use domain::recovery_code::RecoveryCode;
use domain::verification::Purpose;
use secrecy::ExposeSecret as _;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::http::context::RequestContext;
use shared::http::extract::fresh_proof::{
    RequestedBy, ShownFields, delete_verification, forget_verification, proven_phone,
};
use shared::http::extract::{Binding, FreshCaller};
use shared::http::problem::{Code, Problem};
use shared::store::account::{NewPhone, PhoneChange, Undo, UndoOutcome};
use shared::store::devices::LogInPosition;
use shared::telemetry::ErrorChain;

use crate::export::AccountExport;
use crate::state::AccountState;
use crate::wire::{Account, PhoneChangeBody, PhoneNumberChanged, RegistrationLockSet, UndoBody};

/// Entries of each list of an export: with the longest of each, it stays below 5 MB.
const MOST_EXPORTED: i64 = 5000;

/// The account of the caller.
pub async fn read(
    state: &AccountState,
    context: &RequestContext,
    principal: Principal,
) -> Result<Account, Problem> {
    let found = state.core.store.find_account_overview(principal.user, context.now()).await?;
    found.map(Account::from).ok_or_else(|| Problem::new(Code::SessionEnded))
}

/// All its data.
pub async fn export(
    state: &AccountState,
    context: &RequestContext,
    principal: Principal,
) -> Result<AccountExport, Problem> {
    let (store, user) = (&state.core.store, principal.user);
    let account = store.find_account_overview(user, context.now()).await?;
    let account = account.ok_or_else(|| Problem::new(Code::SessionEnded))?;
    let devices = store.list_devices(user, context.now()).await?;
    let sessions = store.list_sessions(user, MOST_EXPORTED).await?;
    let log_ins = store.list_log_ins(user, LogInPosition::END, MOST_EXPORTED).await?;
    let events = store.list_security_events(user, i64::MAX, MOST_EXPORTED).await?;
    let keys = store.list_public_keys(user).await?;
    Ok(AccountExport {
        account: account.into(),
        devices: devices.into_iter().map(Into::into).collect(),
        sessions: sessions.into_iter().map(Into::into).collect(),
        login_history: log_ins.into_iter().map(Into::into).collect(),
        security_events: events.into_iter().map(Into::into).collect(),
        public_keys: keys.into_iter().map(Into::into).collect(),
    })
}

/// Gives the account a newly proven number. Its other sessions have ended when this answers.
pub async fn change_phone(
    state: &AccountState,
    context: &RequestContext,
    caller: FreshCaller,
    PhoneChangeBody { verification, shown }: PhoneChangeBody,
) -> Result<PhoneNumberChanged, Problem> {
    let AccountState { core, second_factor, .. } = state;
    let (now, principal) = (context.now(), caller.principal());
    let shown = caller.with_any(core, second_factor, context, shown).await?;
    let proof = &shown.proof;
    let of = (Purpose::ChangePhone, RequestedBy::Device(principal.device));
    let phone = proven_phone(core, &second_factor.pepper, now, &verification, of).await;
    let audit = context.audit_entry(SecurityEvent::PhoneChanged, Some(principal.session), core.rng);
    let changed = match phone {
        Ok(Some(phone)) => {
            let new = NewPhone { phone, verification };
            let changed = core.store.change_phone(proof, &new, now, &audit).await;
            changed.map(|changed| changed.map(|changed| (changed, new))).map_err(Problem::from)
        }
        Ok(None) => Err(Problem::new(Code::VerificationInvalid)),
        Err(problem) => Err(problem),
    };
    shown.conclude(core, &changed, now).await;
    let (changed, new) = changed??;
    let (ended, used_proof) = match changed {
        PhoneChange::Changed { ended, used_proof } => (ended, used_proof),
        PhoneChange::VerificationUsed => return Err(Problem::new(Code::VerificationInvalid)),
        PhoneChange::AccountExists => return Err(Problem::new(Code::AccountExists)),
    };
    core.write_tombstones(principal.user, &ended).await;
    core.metrics.count("auth_phone_changes_total");
    delete_verification(core, &new.verification).await;
    if used_proof {
        forget_verification(core, proof).await;
    }
    Ok(PhoneNumberChanged { phone_number: new.phone.masked() })
}

/// Sets the registration lock, with a new recovery code.
pub async fn set_lock(
    state: &AccountState,
    context: &RequestContext,
    caller: FreshCaller,
    shown: ShownFields,
) -> Result<RegistrationLockSet, Problem> {
    let code = RecoveryCode::of_random(state.core.rng.bytes());
    let event = SecurityEvent::RegistrationLockSet;
    change_lock(state, context, caller, shown, (Some(code.hash()), event)).await?;
    Ok(RegistrationLockSet { recovery_code: code.shown() })
}

/// Removes it.
pub async fn remove_lock(
    state: &AccountState,
    context: &RequestContext,
    caller: FreshCaller,
    shown: ShownFields,
) -> Result<(), Problem> {
    let event = SecurityEvent::RegistrationLockRemoved;
    change_lock(state, context, caller, shown, (None, event)).await
}

async fn change_lock(
    state: &AccountState,
    context: &RequestContext,
    caller: FreshCaller,
    shown: ShownFields,
    (hash, event): (Option<[u8; 32]>, SecurityEvent),
) -> Result<(), Problem> {
    let AccountState { core, second_factor, .. } = state;
    let (now, principal) = (context.now(), caller.principal());
    let shown = caller.with_any(core, second_factor, context, shown).await?;
    let proof = &shown.proof;
    let audit = context.audit_entry(event, Some(principal.session), core.rng);
    let changed = core.store.change_registration_lock(proof, hash, now, &audit).await;
    shown.conclude(core, &changed, now).await;
    if changed?? {
        forget_verification(core, proof).await;
    }
    Ok(())
}

/// Deletes the account. Its sessions have ended when this answers.
pub async fn delete(
    state: &AccountState,
    context: &RequestContext,
    caller: FreshCaller,
    shown: ShownFields,
) -> Result<(), Problem> {
    let AccountState { core, second_factor, .. } = state;
    let (now, principal) = (context.now(), caller.principal());
    let shown = caller.with_any(core, second_factor, context, shown).await?;
    let proof = &shown.proof;
    // What is personal of it would be erased by the deletion itself.
    let event = SecurityEvent::AccountDeleted;
    let audit = AuditEntry::new(event, Some(principal.session), "", now, core.rng);
    let deleted = core.store.delete_account(proof, &state.identities, now, &audit).await;
    shown.conclude(core, &deleted, now).await;
    let deleted = deleted??;
    core.write_tombstones(principal.user, &deleted.ended).await;
    core.metrics.count("auth_accounts_deleted_total");
    forget_verification(core, proof).await;
    if let Err(error) = core.cache.delete_account_keys(principal.user, &deleted.sessions).await {
        // They expire by themselves.
        tracing::warn!(error = %ErrorChain(&error), "failed to delete cache keys of an account");
    }
    Ok(())
}

/// Takes back what a younger device changed.
pub async fn undo(
    state: &AccountState,
    context: &RequestContext,
    Binding(binding): Binding,
    UndoBody { verification, previous_token, device }: UndoBody,
) -> Result<(), Problem> {
    let AccountState { core, second_factor, verifier, .. } = state;
    let now = context.now();
    let of = (Purpose::Login, RequestedBy::Fingerprint(device.as_ref()));
    let phone = proven_phone(core, &second_factor.pepper, now, &verification, of).await?;
    let phone = phone.ok_or_else(|| Problem::new(Code::VerificationInvalid))?;
    let token = previous_token.expose_secret();
    let previous = verifier.previous_session(token, binding.as_ref(), now);
    let previous = previous.ok_or_else(|| Problem::new(Code::UndoNotFound))?;
    let undo = Undo {
        call: CallId::new(core.rng.bytes()),
        session: previous.session,
        phone,
        verification,
        now,
        audit: context.audit_entry(SecurityEvent::ChangeUndone, None, core.rng),
    };
    match core.store.undo_changes(&undo).await? {
        UndoOutcome::Undone { user, ended } => {
            core.metrics.count("auth_changes_undone_total");
            core.write_tombstones(user, &ended).await;
            delete_verification(core, &undo.verification).await;
            Ok(())
        }
        UndoOutcome::NothingToUndo => Err(Problem::new(Code::UndoNotFound)),
        UndoOutcome::VerificationUsed => Err(Problem::new(Code::VerificationInvalid)),
        UndoOutcome::AccountExists => Err(Problem::new(Code::AccountExists)),
    }
}

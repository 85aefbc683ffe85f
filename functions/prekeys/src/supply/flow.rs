//! The use cases: load, decide, store, answer.

use domain::ids::DeviceId;
use domain::prekey;
use domain::prekey::lifecycle::SignedPrekeyState;
use domain::principal::Principal;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::clock::date_time;
use shared::http::context::RequestContext;
use shared::http::extract::DirectoryCaller;
use shared::http::extract::directory::NoTarget;
use shared::http::extract::fresh_proof::{FreshCaller, ProofFields, forget_verification};
use shared::http::problem::{Code, Problem};
use shared::store::keys::{Deletion, KeyStatus};

use super::target::StatusOf;
use super::wire::{KeyHealth, KeyStatusBody, KeysDigest, Recommendations};
use crate::state::PrekeysState;

const DAY_SECONDS: u64 = 24 * 3600;

/// What a device has left: one of the caller's own.
pub async fn status(
    state: &PrekeysState,
    context: &RequestContext,
    caller: DirectoryCaller<StatusOf>,
) -> Result<KeyStatusBody, Problem> {
    let (principal, StatusOf { user, device }) = (caller.principal, caller.target);
    let own = principal.is_none_or(|principal| principal.user == user);
    let status = if own { state.core.store.find_key_status(user, device).await? } else { None };
    let status = status.ok_or_else(|| Problem::new(Code::DeviceNotFound))?;
    let active = status.signed.is_some_and(|(_, expires_at)| {
        SignedPrekeyState::of(expires_at, context.now()).is_active()
    });
    Ok(KeyStatusBody {
        user_id: *user.as_uuid(),
        available_pre_keys: status.supply.prekeys,
        available_kyber_pre_keys: status.supply.kyber_prekeys.unwrap_or(0),
        is_low: status.supply.is_low(),
        has_active_signed_pre_key: active,
        total_pre_keys: status.all_prekeys,
        recommended_upload: status.supply.recommended_upload(),
    })
}

/// What the caller's device should upload.
pub async fn recommendations(
    state: &PrekeysState,
    context: &RequestContext,
    principal: Principal,
) -> Result<Recommendations, Problem> {
    let status = own_status(state, principal).await?;
    Ok(Recommendations {
        needs_pre_key_replenishment: status.supply.is_low(),
        needs_signed_pre_key_rotation: needs_rotation(&status, context),
        available_pre_keys: status.supply.prekeys,
        recommended_pre_key_upload: status.supply.recommended_upload(),
        signed_pre_key_expires_at: status.signed.map(|(_, expires_at)| date_time(expires_at)),
    })
}

/// The same, as shipped clients ask it; without a device where the caller has none.
pub async fn health(
    state: &PrekeysState,
    context: &RequestContext,
    caller: DirectoryCaller<NoTarget>,
) -> Result<KeyHealth, Problem> {
    let timestamp = date_time(context.now());
    let Some(principal) = caller.principal else {
        return Ok(KeyHealth {
            status: "healthy",
            timestamp,
            needs_replenishment: None,
            prekeys_remaining: None,
            signed_prekey_age_days: None,
        });
    };
    let status = own_status(state, principal).await?;
    // Shipped clients do all their uploads when this says so.
    let due = status.supply.is_low() || needs_rotation(&status, context);
    Ok(KeyHealth {
        status: if due { "degraded" } else { "healthy" },
        timestamp,
        needs_replenishment: Some(due),
        prekeys_remaining: Some(status.supply.prekeys),
        signed_prekey_age_days: status
            .signed
            .map(|(came, _)| context.now().since(came).as_secs() / DAY_SECONDS),
    })
}

/// Whether the published keys of the caller's device are those that it believes.
pub async fn check_keys(
    state: &PrekeysState,
    principal: Principal,
    digest: &KeysDigest,
) -> Result<bool, Problem> {
    let keys = state.core.store.find_published_keys(principal.device).await?;
    let missing = || Problem::new(Code::SignedPrekeyMissing);
    let keys = keys.ok_or_else(missing)?;
    let (id, signed) = keys.signed.as_ref().ok_or_else(missing)?;
    let last_resort = keys.last_resort.as_ref().map(|(id, key)| (*id, key));
    Ok(prekey::published_keys_digest(&keys.identity, (*id, signed), last_resort) == digest.0)
}

/// Takes the keys of an own device, or of all, out of the directory.
pub async fn delete_keys(
    state: &PrekeysState,
    context: &RequestContext,
    caller: FreshCaller,
    fields: ProofFields,
    device: Option<DeviceId>,
) -> Result<(), Problem> {
    let PrekeysState { core, pepper, .. } = state;
    let proof = caller.with(core, pepper, context, fields).await?;
    let (now, session) = (context.now(), Some(proof.principal().session));
    let event = SecurityEvent::KeysDeleted;
    let audit = AuditEntry::about(event, session, device, &context.address(), now, core.rng);
    match core.store.delete_keys(&proof, device, now, &audit).await? {
        Deletion::Deleted { used_verification } => {
            if used_verification {
                forget_verification(core, &proof).await;
            }
            Ok(())
        }
        Deletion::DeviceNotFound => Err(Problem::new(Code::DeviceNotFound)),
        Deletion::Denied(denied) => Err(denied.into()),
    }
}

/// A device that is gone has nothing left.
async fn own_status(state: &PrekeysState, principal: Principal) -> Result<KeyStatus, Problem> {
    let status = state.core.store.find_key_status(principal.user, principal.device).await?;
    status.ok_or_else(|| Problem::new(Code::DeviceNotFound))
}

fn needs_rotation(status: &KeyStatus, context: &RequestContext) -> bool {
    status.signed.is_none_or(|(_, expires_at)| {
        SignedPrekeyState::of(expires_at, context.now()).needs_rotation()
    })
}

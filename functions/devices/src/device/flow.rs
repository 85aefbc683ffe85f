//! The use cases: load, decide, store, answer.

use domain::ids::DeviceId;
use domain::principal::Principal;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::http::context::RequestContext;
use shared::http::extract::fresh_proof::{ChangeCaller, ShownFields, forget_verification, refused};
use shared::http::problem::{Code, Problem};
use shared::store::devices::DeviceUpdate;

use super::wire::OwnDevice;
use crate::state::DevicesState;

/// The devices of the caller.
pub async fn list(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
) -> Result<Vec<OwnDevice>, Problem> {
    let devices = state.core.store.list_devices(principal.user, context.now()).await?;
    Ok(devices.into_iter().map(|device| OwnDevice::new(device, principal.device)).collect())
}

/// One of them.
pub async fn find(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
    device: DeviceId,
) -> Result<OwnDevice, Problem> {
    let found = state.core.store.find_device(principal.user, device, context.now()).await?;
    let found = found.ok_or_else(|| Problem::new(Code::DeviceNotFound))?;
    Ok(OwnDevice::new(found, principal.device))
}

/// Changes its name or push tokens.
pub async fn update(
    state: &DevicesState,
    context: &RequestContext,
    caller: ChangeCaller,
    device: DeviceId,
    update: &DeviceUpdate,
) -> Result<OwnDevice, Problem> {
    let proof = caller.without_proof(&state.core);
    let (now, session) = (context.now(), Some(caller.principal().session));
    let (event, address) = (SecurityEvent::DeviceChanged, context.address());
    let audit = AuditEntry::about(event, session, Some(device), &address, now, state.core.rng);
    let updated = state.core.store.update_device(&proof, device, update, now, &audit).await?;
    let updated = updated.map_err(|denied| refused(&proof, denied))?;
    Ok(OwnDevice::new(updated, caller.principal().device))
}

/// Removes it. Its sessions have ended when this answers: their tombstones follow the commit.
pub async fn remove(
    state: &DevicesState,
    context: &RequestContext,
    caller: ChangeCaller,
    device: DeviceId,
    shown: ShownFields,
) -> Result<(), Problem> {
    let DevicesState { core, second_factor, .. } = state;
    let shown = caller.with_any(core, second_factor, context, shown).await?;
    let proof = &shown.proof;
    let (now, principal) = (context.now(), caller.principal());
    let audit = AuditEntry::about(
        SecurityEvent::DeviceRemoved,
        Some(principal.session),
        Some(device),
        &context.address(),
        now,
        core.rng,
    );
    let removed = core.store.remove_device(proof, device, now, &audit).await;
    shown.conclude(core, &removed, now).await;
    let removed = removed?.map_err(|denied| refused(proof, denied))?;
    core.write_tombstones(principal.user, &removed.ended).await;
    core.metrics.count("auth_devices_removed_total");
    if removed.used_verification {
        forget_verification(core, proof).await;
    }
    Ok(())
}

//! The use cases: load, decide, store, answer.

use domain::prekey::devices::compare_devices;
use domain::prekey::{RegistrationId, SignalDeviceId};
use domain::principal::Principal;
use shared::http::context::RequestContext;
use shared::http::extract::DirectoryCaller;
use shared::http::problem::{Code, Problem};

use super::target::DeviceListOf;
use super::wire::{DeviceDifferences, KeyDevice, KeyDevices, KnownDevices};
use crate::state::PrekeysState;

/// The devices of a user that senders get a bundle of: senders fail a whole message for one
/// that has none.
pub async fn devices(
    state: &PrekeysState,
    context: &RequestContext,
    caller: DirectoryCaller<DeviceListOf>,
) -> Result<KeyDevices, Problem> {
    let DeviceListOf(user) = caller.target;
    let list = state.core.store.find_device_list(user, context.now()).await?;
    let list = list.ok_or_else(|| Problem::new(Code::UserNotFound))?;
    let devices: Vec<KeyDevice> = list
        .devices
        .iter()
        .filter(|one| one.has_bundle)
        .map(|one| KeyDevice {
            device_id: *one.device.as_uuid(),
            signal_device_id: one.listed.id.get(),
            registration_id: one.listed.registration.map(RegistrationId::get),
        })
        .collect();
    Ok(KeyDevices {
        user_id: *user.as_uuid(),
        device_ids: devices.iter().map(|device| device.device_id).collect(),
        devices,
        version: list.version,
    })
}

/// How a sender's list of a user's devices differs from ours. The sender's own device is in
/// nobody's list of those to encrypt for. A device without a bundle is not missing, since no
/// session with it can begin; nor is it too many, since earlier sessions with it go on.
pub async fn check_devices(
    state: &PrekeysState,
    context: &RequestContext,
    principal: Principal,
    known: &KnownDevices,
) -> Result<DeviceDifferences, Problem> {
    let list = state.core.store.find_device_list(known.user, context.now()).await?;
    let list = list.ok_or_else(|| Problem::new(Code::UserNotFound))?;
    let own =
        list.devices.iter().find(|one| one.device == principal.device).map(|one| one.listed.id);
    let stored: Vec<_> = list.devices.iter().map(|one| one.listed).collect();
    let mut difference = compare_devices(&stored, &known.devices, own);
    difference
        .missing
        .retain(|id| list.devices.iter().any(|one| one.has_bundle && one.listed.id == *id));
    let numbers = |ids: Vec<SignalDeviceId>| ids.into_iter().map(SignalDeviceId::get).collect();
    Ok(DeviceDifferences {
        missing: numbers(difference.missing),
        extra: numbers(difference.extra),
        stale: numbers(difference.stale),
    })
}

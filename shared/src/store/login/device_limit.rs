//! An account has ten devices at most. The next log-in of a new device replaces one of them.

use domain::access::{Admission, Candidate, choose_replaced};
use domain::ids::{DeviceId, SessionId, UserId};

use super::new_login::{NewLogin, ReplaceableDevice};
use crate::audit::{AuditEntry, SecurityEvent};
use crate::store::devices::AccountDevice;
use crate::store::devices::list::list_devices;
use crate::store::devices::remove::remove_device;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// What became of a full account.
pub(super) enum Room {
    /// A device made room; its sessions have ended.
    Made(Vec<SessionId>),
    Full(Vec<ReplaceableDevice>),
}

/// Removes a device of a full account for a log-in that may replace it, and never the one that is
/// `kept`. The account is locked.
pub(super) async fn make_room(
    transaction: &Transaction<'_>,
    login: &NewLogin,
    user: UserId,
    admission: Admission,
    kept: Option<DeviceId>,
) -> Result<Room, StoreError> {
    let now = login.now;
    let devices = list_devices(transaction, user, now).await?;
    let replaceable = devices.iter().filter(|device| Some(device.id) != kept);
    let candidates: Vec<Candidate> = replaceable.map(candidate).collect();
    let chosen = choose_replaced(admission, &candidates, login.makes_room, now);
    let ended = match chosen {
        Some(device) => {
            let (event, session) = (SecurityEvent::DeviceRemoved, Some(login.session));
            let (address, rng) = (&login.address, login.rng);
            let audit = AuditEntry::about(event, session, Some(device), address, now, rng);
            remove_device(transaction, user, device, now, &audit).await?
        }
        None => None,
    };
    Ok(ended.map_or_else(
        || {
            let devices = devices.into_iter().map(|device| ReplaceableDevice {
                is_replaceable: Some(device.id) != kept
                    && candidate(&device).is_replaceable(admission, now),
                device,
            });
            Room::Full(devices.collect())
        },
        Room::Made,
    ))
}

fn candidate(device: &AccountDevice) -> Candidate {
    Candidate {
        device: device.id,
        is_verified: device.is_verified,
        last_active: device.last_active,
    }
}

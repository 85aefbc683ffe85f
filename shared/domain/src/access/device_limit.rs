//! What becomes of a log-in that would add a device to an account that has the most it may have.

use super::{Admission, may_replace};
use crate::ids::DeviceId;
use crate::time::Timestamp;

/// A device of the full account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub device: DeviceId,
    pub is_verified: bool,
    pub last_active: Timestamp,
}

/// Who chooses the device that makes room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The user, who has chosen this one, if any yet.
    User(Option<DeviceId>),
    /// `LEGACY_CLIENTS`: shipped clients cannot ask their user. The device that was inactive for
    /// longest makes room.
    LongestInactive,
}

impl Choice {
    /// By the device that a request names, if it does.
    #[must_use]
    pub const fn new(named: Option<DeviceId>, serves_shipped_clients: bool) -> Self {
        if serves_shipped_clients && named.is_none() {
            Self::LongestInactive
        } else {
            Self::User(named)
        }
    }
}

impl Candidate {
    #[must_use]
    pub fn is_replaceable(&self, admission: Admission, now: Timestamp) -> bool {
        may_replace(admission, self.is_verified, self.last_active, now)
    }
}

/// The device that makes room; none if the user has to choose.
#[must_use]
pub fn choose_replaced(
    admission: Admission,
    devices: &[Candidate],
    choice: Choice,
    now: Timestamp,
) -> Option<DeviceId> {
    let mut replaceable = devices.iter().filter(|device| device.is_replaceable(admission, now));
    let chosen = match choice {
        Choice::User(named) => replaceable.find(|device| Some(device.device) == named),
        Choice::LongestInactive => {
            replaceable.min_by_key(|device| (device.last_active, device.device))
        }
    };
    chosen.map(|device| device.device)
}

#[cfg(test)]
mod tests {
    use super::super::{Joined, REPLACEABLE_AFTER};
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const SMS: Admission = Admission { joined: Joined::BySms, is_known: false };
    const PROVEN: Admission = Admission { joined: Joined::Proven, is_known: false };

    fn id(n: u8) -> DeviceId {
        DeviceId::from_uuid(uuid::Uuid::from_bytes([n; 16]))
    }

    fn device(n: u8, is_verified: bool, inactive: Duration) -> Candidate {
        Candidate { device: id(n), is_verified, last_active: NOW - inactive }
    }

    fn devices() -> [Candidate; 4] {
        let hour = Duration::from_hours(1);
        [
            device(1, true, hour * 9),
            device(2, false, hour * 5),
            device(3, false, hour * 7),
            device(4, true, REPLACEABLE_AFTER),
        ]
    }

    #[test]
    fn shipped_clients_need_not_name_a_device() {
        let named = Some(id(1));
        for serves_shipped_clients in [true, false] {
            assert_eq!(Choice::new(named, serves_shipped_clients), Choice::User(named));
        }
        assert_eq!(Choice::new(None, true), Choice::LongestInactive);
        assert_eq!(Choice::new(None, false), Choice::User(None));
    }

    #[test]
    fn the_user_chooses_among_those_that_may_be_replaced() {
        let chosen =
            |admission, named| choose_replaced(admission, &devices(), Choice::User(named), NOW);
        assert_eq!(chosen(SMS, None), None);
        assert_eq!(chosen(SMS, Some(id(1))), None, "in use and verified");
        for n in [2, 3, 4] {
            assert_eq!(chosen(SMS, Some(id(n))), Some(id(n)));
        }
        assert_eq!(chosen(PROVEN, Some(id(1))), Some(id(1)));
        assert_eq!(chosen(PROVEN, Some(id(9))), None, "another account's");
    }

    #[test]
    fn for_shipped_clients_the_one_inactive_for_longest_makes_room() {
        let chosen = |admission, devices: &[Candidate]| {
            choose_replaced(admission, devices, Choice::LongestInactive, NOW)
        };
        assert_eq!(chosen(SMS, &devices()), Some(id(4)));
        assert_eq!(chosen(SMS, &devices()[..3]), Some(id(3)), "the verified one is in use");
        assert_eq!(chosen(PROVEN, &devices()[..3]), Some(id(1)));
        assert_eq!(chosen(SMS, &devices()[..1]), None, "a number alone replaces no verified one");
        let alike = [device(6, false, Duration::ZERO), device(5, false, Duration::ZERO)];
        assert_eq!(chosen(SMS, &alike), Some(id(5)));
    }
}

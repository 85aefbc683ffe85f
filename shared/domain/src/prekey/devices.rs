//! How the devices that a sender encrypts for differ from those that there are.

use super::{RegistrationId, SignalDeviceId};
use std::collections::BTreeSet;

/// A device on either list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryDevice {
    pub id: SignalDeviceId,
    pub registration: Option<RegistrationId>,
}

/// Each in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceDifference {
    /// Stored, but not given: the sender must fetch their keys.
    pub missing: Vec<SignalDeviceId>,
    /// Given, but not stored: they are gone.
    pub extra: Vec<SignalDeviceId>,
    /// On both, and installed anew: the sender's session is with the one before.
    pub stale: Vec<SignalDeviceId>,
}

/// Compares the `given` devices of a user with the `stored` ones. `own` is the asking
/// device, which sends itself nothing. A registration id that either side does not tell
/// is taken to be the same.
#[must_use]
pub fn compare_devices(
    stored: &[DirectoryDevice],
    given: &[DirectoryDevice],
    own: Option<SignalDeviceId>,
) -> DeviceDifference {
    let is_on = |list: &[DirectoryDevice], id| list.iter().any(|device| device.id == id);
    let is_stale = |given: &DirectoryDevice| {
        stored.iter().filter(|stored| stored.id == given.id).any(|stored| {
            matches!((stored.registration, given.registration), (Some(a), Some(b)) if a != b)
        })
    };
    DeviceDifference {
        missing: ids(stored, own, |device| !is_on(given, device.id)),
        extra: ids(given, own, |device| !is_on(stored, device.id)),
        stale: ids(given, own, is_stale),
    }
}

/// Ids of those that match, in order and once each, however often a client names them.
fn ids(
    list: &[DirectoryDevice],
    own: Option<SignalDeviceId>,
    matches: impl Fn(&DirectoryDevice) -> bool,
) -> Vec<SignalDeviceId> {
    let others = list.iter().filter(|device| Some(device.id) != own);
    let found: BTreeSet<_> =
        others.filter(|device| matches(device)).map(|found| found.id).collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i16) -> SignalDeviceId {
        SignalDeviceId::from_stored(number)
    }

    /// Device ids with registration ids, 0 for one that is not told.
    fn list(devices: &[(i16, i32)]) -> Vec<DirectoryDevice> {
        let listed = |&(number, registration)| DirectoryDevice {
            id: id(number),
            registration: RegistrationId::new(i64::from(registration)).ok(),
        };
        devices.iter().map(listed).collect()
    }

    fn numbers(difference: &DeviceDifference) -> [Vec<i16>; 3] {
        [&difference.missing, &difference.extra, &difference.stale]
            .map(|ids| ids.iter().map(|id| id.get()).collect())
    }

    #[test]
    fn lists_are_compared() {
        let none: Vec<i16> = vec![];
        for (stored, given, expected) in [
            (list(&[]), list(&[]), [none.clone(), none.clone(), none.clone()]),
            (list(&[(1, 7), (2, 8)]), list(&[(2, 8), (1, 7)]), [vec![], vec![], vec![]]),
            (list(&[(3, 7), (1, 7), (2, 7)]), list(&[]), [vec![1, 2, 3], vec![], vec![]]),
            (list(&[]), list(&[(9, 7), (5, 7)]), [vec![], vec![5, 9], vec![]]),
            (
                list(&[(4, 7), (2, 7), (1, 7), (5, 7)]),
                list(&[(8, 7), (5, 9), (6, 7), (2, 6)]),
                [vec![1, 4], vec![6, 8], vec![2, 5]],
            ),
        ] {
            assert_eq!(numbers(&compare_devices(&stored, &given, None)), expected);
        }
    }

    #[test]
    fn a_registration_id_that_is_not_told_is_not_stale() {
        for (stored, given, stale) in
            [(0, 0, vec![]), (0, 7, vec![]), (7, 0, vec![]), (7, 7, vec![]), (7, 8, vec![1])]
        {
            let found = compare_devices(&list(&[(1, stored)]), &list(&[(1, given)]), None);
            assert_eq!(numbers(&found), [vec![], vec![], stale], "{stored} {given}");
        }
    }

    #[test]
    fn the_asking_device_is_in_none_of_the_three() {
        let all = list(&[(1, 7), (2, 7)]);
        let others = list(&[(2, 7)]);
        let changed = list(&[(1, 8), (2, 7)]);
        for (stored, given, without_own) in [
            (&all, &others, [vec![1], vec![], vec![]]),
            (&others, &all, [vec![], vec![1], vec![]]),
            (&all, &changed, [vec![], vec![], vec![1]]),
        ] {
            assert_eq!(numbers(&compare_devices(stored, given, None)), without_own);
            let found = compare_devices(stored, given, Some(id(1)));
            assert_eq!(found, DeviceDifference::default());
        }
    }

    #[test]
    fn a_device_named_twice_is_told_once() {
        let given = list(&[(1, 7), (9, 7), (1, 8), (9, 8)]);
        let found = compare_devices(&list(&[(1, 7)]), &given, None);
        assert_eq!(numbers(&found), [vec![], vec![9], vec![1]]);
    }
}

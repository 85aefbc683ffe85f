//! What the bearer of a token may change, and what it has to show for it.

use super::Standing;
use crate::ids::DeviceId;
use crate::time::Timestamp;
use std::cmp::Ordering;

/// Whether one device joined the account before or after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seniority {
    /// The device of the session itself.
    Own,
    Younger,
    Older,
}

impl Seniority {
    pub const ALL: [Self; 3] = [Self::Own, Self::Younger, Self::Older];

    /// What another device is to one's own. Each is told by when it joined, and its id.
    #[must_use]
    pub fn of(own: (Timestamp, DeviceId), other: (Timestamp, DeviceId)) -> Self {
        if own.1 == other.1 {
            return Self::Own;
        }
        match other.cmp(&own) {
            Ordering::Less => Self::Older,
            Ordering::Equal | Ordering::Greater => Self::Younger,
        }
    }
}

/// What a bearer wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To end the session of a device, or to change what the account says of it.
    EndSession(Seniority),
    /// To remove a device with its keys.
    RemoveDevice(Seniority),
    /// To let another device in by QR code.
    ApproveDevice,
    /// To set up or enable a second factor.
    EnableSecondFactor,
    /// To disable it or to get new backup codes.
    ChangeSecondFactor,
    SetRegistrationLock,
    RemoveRegistrationLock,
    DeleteKeys,
    ChangePhone,
    DeleteAccount,
}

/// What an action needs.
struct Needs {
    /// A young token, and the second factor or else the number.
    fresh_proof: bool,
    /// That the device is no newcomer.
    settled: bool,
}

impl Action {
    pub const ALL: [Self; 14] = [
        Self::EndSession(Seniority::Own),
        Self::EndSession(Seniority::Younger),
        Self::EndSession(Seniority::Older),
        Self::RemoveDevice(Seniority::Own),
        Self::RemoveDevice(Seniority::Younger),
        Self::RemoveDevice(Seniority::Older),
        Self::ApproveDevice,
        Self::EnableSecondFactor,
        Self::ChangeSecondFactor,
        Self::SetRegistrationLock,
        Self::RemoveRegistrationLock,
        Self::DeleteKeys,
        Self::ChangePhone,
        Self::DeleteAccount,
    ];

    const fn needs(self) -> Needs {
        match self {
            Self::EndSession(Seniority::Own | Seniority::Younger)
            | Self::RemoveDevice(Seniority::Own | Seniority::Younger) => {
                Needs { fresh_proof: false, settled: false }
            }
            Self::EndSession(Seniority::Older) => Needs { fresh_proof: false, settled: true },
            Self::ApproveDevice | Self::DeleteKeys => Needs { fresh_proof: true, settled: false },
            Self::RemoveDevice(Seniority::Older)
            | Self::EnableSecondFactor
            | Self::ChangeSecondFactor
            | Self::SetRegistrationLock
            | Self::RemoveRegistrationLock
            | Self::ChangePhone
            | Self::DeleteAccount => Needs { fresh_proof: true, settled: true },
        }
    }

    /// Whether an older device can take it back for [`super::UNDO_PERIOD`].
    #[must_use]
    pub const fn is_undoable(self) -> bool {
        matches!(
            self,
            Self::EnableSecondFactor
                | Self::ChangeSecondFactor
                | Self::SetRegistrationLock
                | Self::RemoveRegistrationLock
                | Self::ChangePhone
        )
    }

    /// Whether shipped clients, which know no proof of the number here, are asked for none.
    const fn is_open_to_shipped_clients(self) -> bool {
        matches!(self, Self::EnableSecondFactor)
    }
}

/// The account and the device that acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub standing: Standing,
    /// Whether the account has a second factor.
    pub has_second_factor: bool,
    /// `LEGACY_CLIENTS`.
    pub serves_shipped_clients: bool,
}

/// What the request shows beside its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The access token was issued within two minutes.
    pub young_token: bool,
    /// The current number, within ten minutes: by the log-in of this session or another code.
    pub number: bool,
    /// The second factor, in this request or in the step-up of the session.
    pub second_factor: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessRefusal {
    /// The device is a newcomer until then. Nothing that it shows changes that.
    TooNew {
        allowed_at: Timestamp,
    },
    /// The token is too old, or the number is not proven.
    FreshProofRequired,
    SecondFactorRequired,
}

/// Whether a device may do this now.
pub fn decide(
    action: Action,
    actor: &Actor,
    shown: Shown,
    now: Timestamp,
) -> Result<(), AccessRefusal> {
    let needs = action.needs();
    if needs.settled
        && let Some(allowed_at) = actor.standing.newcomer_until(now)
    {
        return Err(AccessRefusal::TooNew { allowed_at });
    }
    if !needs.fresh_proof {
        return Ok(());
    }
    if !shown.young_token {
        return Err(AccessRefusal::FreshProofRequired);
    }
    let needs_number = !(actor.serves_shipped_clients && action.is_open_to_shipped_clients());
    match (actor.has_second_factor, shown.second_factor, shown.number) {
        (true, false, _) => Err(AccessRefusal::SecondFactorRequired),
        (false, _, false) if needs_number => Err(AccessRefusal::FreshProofRequired),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Joined, NEWCOMER_PERIOD};
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn of_two_devices_one_is_older() {
        let id = |n| DeviceId::from_uuid(uuid::Uuid::from_bytes([n; 16]));
        let of = |own, other| Seniority::of(own, other);
        assert_eq!(of((NOW, id(1)), (NOW - HOUR, id(2))), Seniority::Older);
        assert_eq!(of((NOW - HOUR, id(2)), (NOW, id(1))), Seniority::Younger);
        // They joined at the same moment: exactly one is older.
        assert_eq!(of((NOW, id(2)), (NOW, id(1))), Seniority::Older);
        assert_eq!(of((NOW, id(1)), (NOW, id(2))), Seniority::Younger);
        assert_eq!(of((NOW, id(1)), (NOW - HOUR, id(1))), Seniority::Own);
    }
    const ALL: Shown = Shown { young_token: true, number: true, second_factor: true };

    fn actor(joined: Joined) -> Actor {
        let standing =
            Standing { joined, joined_at: NOW - HOUR, other_verified_active: Some(NOW - HOUR) };
        Actor { standing, has_second_factor: false, serves_shipped_clients: false }
    }

    #[test]
    fn a_newcomer_may_not_touch_what_the_owner_needs_to_come_back() {
        let newcomer = actor(Joined::BySms);
        let allowed_at = NOW - HOUR + NEWCOMER_PERIOD;
        for action in Action::ALL {
            let expected = match action {
                Action::EndSession(Seniority::Own | Seniority::Younger)
                | Action::RemoveDevice(Seniority::Own | Seniority::Younger)
                | Action::ApproveDevice
                | Action::DeleteKeys => Ok(()),
                _ => Err(AccessRefusal::TooNew { allowed_at }),
            };
            assert_eq!(decide(action, &newcomer, ALL, NOW), expected, "{action:?}");
            for joined in [Joined::Registered, Joined::Proven, Joined::Approved] {
                assert_eq!(decide(action, &actor(joined), ALL, NOW), Ok(()), "{action:?}");
            }
        }
    }

    #[test]
    fn what_a_newcomer_approves_is_a_newcomer() {
        let newcomer = actor(Joined::BySms).standing;
        assert_eq!(newcomer.approves_as(NOW), Joined::BySms);
        let end = newcomer.joined_at + NEWCOMER_PERIOD;
        assert_eq!(newcomer.approves_as(end), Joined::Approved);
        for joined in [Joined::Registered, Joined::Proven, Joined::Approved] {
            assert_eq!(actor(joined).standing.approves_as(NOW), Joined::Approved);
        }
        let alone = Standing { other_verified_active: None, ..newcomer };
        assert_eq!(alone.approves_as(NOW), Joined::Approved);
    }

    #[test]
    fn nobody_stays_a_newcomer() {
        let mut newcomer = actor(Joined::BySms);
        let may = |actor: &Actor, now| decide(Action::DeleteAccount, actor, ALL, now).is_ok();
        let end = newcomer.standing.joined_at + NEWCOMER_PERIOD;
        assert!(!may(&newcomer, end - Duration::from_millis(1)));
        assert!(may(&newcomer, end));
        // Nor beside devices that are not used any more, or beside none.
        newcomer.standing.other_verified_active = Some(NOW - NEWCOMER_PERIOD);
        assert!(may(&newcomer, NOW));
        newcomer.standing.other_verified_active = None;
        assert!(may(&newcomer, NOW));
    }

    #[test]
    fn without_a_fresh_proof_only_sessions_and_younger_devices_end() {
        let owner = actor(Joined::Registered);
        let with_factor = Actor { has_second_factor: true, ..owner };
        for action in Action::ALL {
            let is_open = matches!(
                action,
                Action::EndSession(_) | Action::RemoveDevice(Seniority::Own | Seniority::Younger)
            );
            let shown =
                |young_token, number, second_factor| Shown { young_token, number, second_factor };
            let of = |actor, shown| decide(action, actor, shown, NOW);
            if is_open {
                assert_eq!(of(&with_factor, Shown::default()), Ok(()));
                continue;
            }
            let (fresh, factor) =
                (Err(AccessRefusal::FreshProofRequired), Err(AccessRefusal::SecondFactorRequired));
            assert_eq!(of(&owner, shown(false, true, true)), fresh, "{action:?}");
            assert_eq!(of(&owner, shown(true, false, true)), fresh, "{action:?}");
            assert_eq!(of(&owner, shown(true, true, false)), Ok(()), "{action:?}");
            assert_eq!(of(&with_factor, shown(true, true, false)), factor, "{action:?}");
            assert_eq!(of(&with_factor, shown(true, false, true)), Ok(()), "{action:?}");
            assert_eq!(of(&with_factor, shown(false, true, true)), fresh, "{action:?}");
        }
    }

    #[test]
    fn shipped_clients_enable_a_second_factor_without_a_code_and_nothing_else() {
        let shipped = Actor { serves_shipped_clients: true, ..actor(Joined::Registered) };
        let shown = Shown { young_token: true, ..Shown::default() };
        assert_eq!(decide(Action::EnableSecondFactor, &shipped, shown, NOW), Ok(()));
        let refused = Err(AccessRefusal::FreshProofRequired);
        assert_eq!(decide(Action::ChangePhone, &shipped, shown, NOW), refused);
        assert_eq!(decide(Action::ChangeSecondFactor, &shipped, shown, NOW), refused);
    }
}

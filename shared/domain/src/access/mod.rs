//! What a device in a given state may do to an account in a given state. A stolen token, a SIM
//! that was swapped and a number that has a new owner all look like the owner to one check alone;
//! these rules put the checks together.
//!
//! | file | the decision |
//! |---|---|
//! | [`log_in`] | whether a proven number opens the account: [`decide_log_in`] |
//! | [`action`] | what the bearer of a token may change: [`decide`] |
//! | [`device_limit`] | which device makes room for one more: [`choose_replaced`] |
//! | [`table`] | the rules as tables in Markdown |
//!
//! Handlers only ask. The store reads the states under the lock of the account and asks in the
//! transaction that makes the change. docs/security.md has a table of all cells, which is written
//! by running these functions.

mod action;
mod device_limit;
mod log_in;
pub mod table;

pub use action::{AccessRefusal, Action, Actor, Seniority, Shown, decide};
pub use device_limit::{Candidate, Choice, choose_replaced};
pub use log_in::{
    Admission, EarlierToken, LogInAccount, LogInDecision, LogInPolicy, LogInShown, decide_log_in,
    may_replace,
};

use crate::time::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// A device that joined by SMS alone is a newcomer for so long, beside a verified device that was
/// active as recently.
pub const NEWCOMER_PERIOD: Duration = Duration::from_hours(7 * 24);
/// A registration lock lapses so long after the last activity of any device.
pub const LOCK_PERIOD: Duration = Duration::from_hours(7 * 24);
/// A change of the second factor, the lock or the number can be undone for so long.
pub const UNDO_PERIOD: Duration = Duration::from_hours(7 * 24);
/// After so long a log-in that lock or second factor stopped may start over, if no device of the
/// account has proven the number since.
pub const STOPPED_PERIOD: Duration = Duration::from_hours(30 * 24);
/// A device that was inactive for so long may be replaced by any log-in.
pub const REPLACEABLE_AFTER: Duration = Duration::from_hours(30 * 24);
/// Devices of an account.
pub const MAX_DEVICES: usize = 10;

/// How a device came to its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// With the account itself: its first device.
    Registered,
    /// By a code to the number and nothing else.
    BySms,
    /// By a code to the number, and a second factor, a recovery code or an earlier token.
    Proven,
    /// By the approval of another device.
    Approved,
}

impl Joined {
    pub const ALL: [Self; 4] = [Self::Registered, Self::BySms, Self::Proven, Self::Approved];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::BySms => "sms",
            Self::Proven => "proven",
            Self::Approved => "approved",
        }
    }

    #[must_use]
    pub fn from_stored(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|joined| joined.as_str() == stored)
    }
}

/// A device as it stands in its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub joined: Joined,
    pub joined_at: Timestamp,
    /// When another verified device of the account was last active.
    pub other_verified_active: Option<Timestamp>,
}

impl Standing {
    /// How a device joins that this one approves. What a newcomer lets in is a newcomer: an approval
    /// does not give what its giver lacks.
    #[must_use]
    pub fn approves_as(&self, now: Timestamp) -> Joined {
        if self.newcomer_until(now).is_some() { Joined::BySms } else { Joined::Approved }
    }

    /// Until when the device is a newcomer; none if it is not.
    #[must_use]
    pub fn newcomer_until(&self, now: Timestamp) -> Option<Timestamp> {
        let beside = self.other_verified_active? + NEWCOMER_PERIOD;
        let until = beside.min(self.joined_at + NEWCOMER_PERIOD);
        (self.joined == Joined::BySms && until > now).then_some(until)
    }
}

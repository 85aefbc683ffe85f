//! Whether a proven number opens the account that has it.

use super::{DAY, Joined, LOCK_PERIOD, REPLACEABLE_AFTER, STOPPED_PERIOD};
use crate::time::Timestamp;
use std::time::Duration;

/// What a deployment decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInPolicy {
    /// An account is idle when no device was active for so long: its number may have a new owner.
    pub idle_after: Duration,
    /// `LEGACY_CLIENTS`: shipped clients cannot answer that an account is idle.
    pub serves_shipped_clients: bool,
}

impl LogInPolicy {
    /// `NUMBER_IDLE_DAYS`.
    #[must_use]
    pub fn new(idle_days: u32, serves_shipped_clients: bool) -> Self {
        Self { idle_after: DAY * idle_days, serves_shipped_clients }
    }
}

/// The account of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInAccount {
    pub has_second_factor: bool,
    pub has_registration_lock: bool,
    /// When a device was last active; none if there is none.
    pub last_active: Option<Timestamp>,
    /// Since when log-ins are stopped by lock or second factor, without a device that has proven
    /// the number in between.
    pub stopped_since: Option<Timestamp>,
}

/// An earlier refresh token of the account that counts (contract, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierToken {
    None,
    /// Of another device of the account.
    OfAccount,
    /// Of the device that logs in: it is known.
    OfThisDevice,
}

/// What a log-in shows beside the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInShown {
    pub earlier_token: EarlierToken,
    /// A right second factor. A wrong one is refused before.
    pub second_factor: bool,
    /// The right recovery code.
    pub recovery_code: bool,
    /// The user agreed to a new account.
    pub start_over: bool,
}

impl LogInShown {
    /// Without what the account does not ask for: it proves nothing there.
    const fn to(self, account: &LogInAccount) -> Self {
        Self {
            second_factor: self.second_factor && account.has_second_factor,
            recovery_code: self.recovery_code && account.has_registration_lock,
            ..self
        }
    }

    /// Whether it shows more than the number.
    const fn proves_more(self) -> bool {
        self.second_factor
            || self.recovery_code
            || !matches!(self.earlier_token, EarlierToken::None)
    }
}

/// How a device enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    pub joined: Joined,
    /// Whether the device is the same as before: its standing does not change.
    pub is_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInDecision {
    Admit(Admission),
    /// The number gets a new account. The old one loses it.
    StartOver,
    /// Nobody used the account for long. The user decides whether to start over.
    Idle,
    SecondFactorRequired,
    RegistrationLocked {
        lapses_in: Duration,
    },
}

/// Whether the log-in enters the account.
#[must_use]
pub fn decide_log_in(
    account: &LogInAccount,
    shown: LogInShown,
    policy: &LogInPolicy,
    now: Timestamp,
) -> LogInDecision {
    let shown = shown.to(account);
    let is_active_within =
        |period: Duration| account.last_active.is_some_and(|active| active + period > now);
    let is_idle = !is_active_within(policy.idle_after) && !policy.serves_shipped_clients;
    let is_known = shown.earlier_token == EarlierToken::OfThisDevice;
    if is_idle && !shown.proves_more() {
        return if shown.start_over { LogInDecision::StartOver } else { LogInDecision::Idle };
    }
    let is_given_up = account.stopped_since.is_some_and(|since| since + STOPPED_PERIOD <= now);
    if account.has_second_factor && !shown.second_factor {
        return if is_given_up && shown.start_over {
            LogInDecision::StartOver
        } else {
            LogInDecision::SecondFactorRequired
        };
    }
    if account.has_registration_lock && is_active_within(LOCK_PERIOD) && !shown.proves_more() {
        let lapses_at = account.last_active.map_or(now, |active| active + LOCK_PERIOD);
        return if is_given_up && shown.start_over {
            LogInDecision::StartOver
        } else {
            LogInDecision::RegistrationLocked { lapses_in: lapses_at.since(now) }
        };
    }
    let joined = if shown.proves_more() { Joined::Proven } else { Joined::BySms };
    LogInDecision::Admit(Admission { joined, is_known })
}

/// Whether a log-in that finds ten devices may replace this one.
#[must_use]
pub fn may_replace(
    admission: Admission,
    is_verified: bool,
    last_active: Timestamp,
    now: Timestamp,
) -> bool {
    admission.joined != Joined::BySms || !is_verified || last_active + REPLACEABLE_AFTER <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const NOTHING: LogInShown = LogInShown {
        earlier_token: EarlierToken::None,
        second_factor: false,
        recovery_code: false,
        start_over: false,
    };
    const ACTIVE: LogInAccount = LogInAccount {
        has_second_factor: false,
        has_registration_lock: false,
        last_active: Some(NOW),
        stopped_since: None,
    };

    fn days(days: u32) -> Duration {
        DAY * days
    }

    fn decide(account: LogInAccount, shown: LogInShown) -> LogInDecision {
        decide_log_in(&account, shown, &LogInPolicy::new(90, false), NOW)
    }

    fn admitted(joined: Joined, is_known: bool) -> LogInDecision {
        LogInDecision::Admit(Admission { joined, is_known })
    }

    /// Every combination of what may be shown.
    fn all_shown() -> impl Iterator<Item = LogInShown> {
        let tokens = [EarlierToken::None, EarlierToken::OfAccount, EarlierToken::OfThisDevice];
        let flags = (0..8).map(|n| (n & 1 == 1, n & 2 == 2, n & 4 == 4));
        let pairs = flags.flat_map(move |flags| tokens.map(|token| (flags, token)));
        pairs.map(|((second_factor, recovery_code, start_over), earlier_token)| LogInShown {
            earlier_token,
            second_factor,
            recovery_code,
            start_over,
        })
    }

    #[test]
    fn a_number_alone_opens_an_account_that_asks_for_nothing_more() {
        for shown in all_shown().map(|shown| shown.to(&ACTIVE)) {
            let joined = if shown.proves_more() { Joined::Proven } else { Joined::BySms };
            let is_known = shown.earlier_token == EarlierToken::OfThisDevice;
            assert_eq!(decide(ACTIVE, shown), admitted(joined, is_known), "{shown:?}");
        }
    }

    #[test]
    fn what_the_account_does_not_ask_for_proves_nothing() {
        let idle = LogInAccount { last_active: None, ..ACTIVE };
        let shown = LogInShown { second_factor: true, recovery_code: true, ..NOTHING };
        assert_eq!(decide(ACTIVE, shown), admitted(Joined::BySms, false));
        assert_eq!(decide(idle, shown), LogInDecision::Idle);
        let with_factor = LogInAccount { has_second_factor: true, ..ACTIVE };
        assert_eq!(decide(with_factor, shown), admitted(Joined::Proven, false));
        let locked = LogInAccount { has_registration_lock: true, ..ACTIVE };
        assert_eq!(decide(locked, shown), admitted(Joined::Proven, false));
        let factor_alone = LogInShown { second_factor: true, ..NOTHING };
        assert!(!matches!(decide(locked, factor_alone), LogInDecision::Admit(_)));
    }

    #[test]
    fn a_second_factor_is_always_asked_for() {
        let account = LogInAccount { has_second_factor: true, ..ACTIVE };
        for shown in all_shown() {
            let is_admitted = matches!(decide(account, shown), LogInDecision::Admit(_));
            assert_eq!(is_admitted, shown.second_factor, "{shown:?}");
        }
    }

    #[test]
    fn a_lock_opens_to_whoever_shows_more_than_the_number_and_lapses() {
        let account = LogInAccount {
            has_registration_lock: true,
            last_active: Some(NOW - days(2)),
            ..ACTIVE
        };
        for shown in all_shown() {
            let expected = if shown.to(&account).proves_more() {
                let is_known = shown.earlier_token == EarlierToken::OfThisDevice;
                admitted(Joined::Proven, is_known)
            } else {
                LogInDecision::RegistrationLocked { lapses_in: days(5) }
            };
            assert_eq!(decide(account, shown), expected, "{shown:?}");
        }
        let lapsed = LogInAccount { last_active: Some(NOW - days(7)), ..account };
        assert_eq!(decide(lapsed, NOTHING), admitted(Joined::BySms, false));
    }

    #[test]
    fn an_idle_account_is_entered_by_nobody_who_shows_the_number_alone() {
        for last_active in [Some(NOW - days(90)), None] {
            for (has_second_factor, has_registration_lock) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let idle = LogInAccount {
                    has_second_factor,
                    has_registration_lock,
                    last_active,
                    ..ACTIVE
                };
                assert_eq!(decide(idle, NOTHING), LogInDecision::Idle);
                let start_over = LogInShown { start_over: true, ..NOTHING };
                assert_eq!(decide(idle, start_over), LogInDecision::StartOver);
                let token = LogInShown { earlier_token: EarlierToken::OfAccount, ..start_over };
                let expected = if has_second_factor {
                    LogInDecision::SecondFactorRequired
                } else {
                    admitted(Joined::Proven, false)
                };
                assert_eq!(decide(idle, token), expected);
            }
        }
        let almost =
            LogInAccount { last_active: Some(NOW - days(90) + Duration::from_millis(1)), ..ACTIVE };
        assert_eq!(decide(almost, NOTHING), admitted(Joined::BySms, false));
        let shipped = LogInPolicy::new(90, true);
        let idle = LogInAccount { last_active: None, ..ACTIVE };
        let decision = decide_log_in(&idle, NOTHING, &shipped, NOW);
        assert_eq!(decision, admitted(Joined::BySms, false));
    }

    #[test]
    fn nobody_is_locked_out_for_ever_and_nobody_starts_over_before_the_owner_could_object() {
        for (has_second_factor, has_registration_lock) in [(true, false), (false, true)] {
            let stopped = |since: Option<Timestamp>, start_over| {
                let account = LogInAccount {
                    has_second_factor,
                    has_registration_lock,
                    stopped_since: since,
                    ..ACTIVE
                };
                decide(account, LogInShown { start_over, ..NOTHING })
            };
            let is_refused = |decision| {
                matches!(
                    decision,
                    LogInDecision::SecondFactorRequired | LogInDecision::RegistrationLocked { .. }
                )
            };
            assert!(is_refused(stopped(None, true)));
            let almost = NOW - days(30) + Duration::from_millis(1);
            assert!(is_refused(stopped(Some(almost), true)));
            assert!(is_refused(stopped(Some(NOW - days(30)), false)));
            assert_eq!(stopped(Some(NOW - days(30)), true), LogInDecision::StartOver);
        }
    }

    #[test]
    fn by_sms_alone_a_device_in_use_is_not_replaced() {
        let sms = Admission { joined: Joined::BySms, is_known: false };
        let proven = Admission { joined: Joined::Proven, is_known: false };
        let recent = NOW - days(30) + Duration::from_millis(1);
        assert!(!may_replace(sms, true, recent, NOW));
        assert!(may_replace(sms, false, recent, NOW));
        assert!(may_replace(sms, true, NOW - days(30), NOW));
        assert!(may_replace(proven, true, NOW, NOW));
    }
}

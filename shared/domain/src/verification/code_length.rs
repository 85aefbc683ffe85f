//! How many digits the codes of a new verification have. Wrong codes never lock a number: they
//! make the codes longer, so that a stranger's chance stays small and the owner still gets in.
//!
//! `cache/verification/code_history.lua` keeps a [`CodeHistory`] for each number and tier in
//! Redis. A test runs the same random sequences through both.

use super::record::{MAX_ATTEMPTS, RECORD_TTL};
use crate::time::Timestamp;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The length of the codes of one verification. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeLength {
    Six,
    Ten,
}

impl CodeLength {
    pub const ALL: [Self; 2] = [Self::Six, Self::Ten];

    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Six => 6,
            Self::Ten => 10,
        }
    }

    #[must_use]
    pub fn from_digits(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|length| length.digits() == digits)
    }

    /// How many codes of this length there are.
    #[must_use]
    pub const fn codes(self) -> u64 {
        match self {
            Self::Six => 1_000_000,
            Self::Ten => 10_000_000_000,
        }
    }
}

/// The marks up to which codes have six digits. They bound the chance of guessing into an
/// account: see docs/security.md.
pub struct CodeMarks;

impl CodeMarks {
    /// Verifications of six digits.
    pub const SIX_PER_HOUR: usize = 6;
    pub const SIX_PER_DAY: usize = 10;
    /// Wrong codes in [`Self::WRONG_WINDOW`], with those that running verifications may yet
    /// compare.
    pub const MAX_WRONG: usize = 100;
    /// The same for a known device. Few people have an earlier token of an account, so that few
    /// wrong codes are honest; and a thief who has one guesses in both tiers.
    pub const MAX_WRONG_OF_KNOWN_DEVICE: usize = 20;
    pub const WRONG_WINDOW: Duration = Duration::from_hours(365 * 24);
    /// For clients whose input takes only six digits (`LEGACY_CLIENTS`).
    pub const LEGACY_PER_DAY: usize = 10;
    /// After this many verifications without a right code, [`Self::LEGACY_PER_DAY_IN_STREAK`]
    /// applies instead.
    pub const LEGACY_STREAK: u32 = 20;
    pub const LEGACY_PER_DAY_IN_STREAK: usize = 2;
}

/// Whose verifications a history counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeTier {
    /// Of all callers together.
    #[default]
    Default,
    /// Of one device with an earlier token of the account.
    KnownDevice,
}

impl CodeTier {
    pub const ALL: [Self; 2] = [Self::Default, Self::KnownDevice];

    const fn max_wrong(self) -> usize {
        match self {
            Self::Default => CodeMarks::MAX_WRONG,
            Self::KnownDevice => CodeMarks::MAX_WRONG_OF_KNOWN_DEVICE,
        }
    }
}

/// Which codes the client that starts a verification can enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeInput {
    /// Six and ten digits.
    Any,
    /// Six digits, as the request says. Beyond the marks it is refused: a code of ten digits
    /// would be paid for and never entered.
    SixDigits,
    /// Six digits, by a client that was shipped before there were longer codes.
    Legacy,
}

impl CodeInput {
    pub const ALL: [Self; 3] = [Self::Any, Self::SixDigits, Self::Legacy];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::SixDigits => "six_digits",
            Self::Legacy => "legacy",
        }
    }
}

/// One verification with codes of six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SixDigitStart {
    pub at: Timestamp,
    /// Whether more of its codes may be compared.
    pub running: bool,
}

/// What is remembered of the verifications of one number and tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeHistory {
    pub tier: CodeTier,
    /// Of the last day, the newest first.
    pub six_digit: Vec<SixDigitStart>,
    /// When wrong codes were entered, the newest first. More than
    /// [`CodeMarks::MAX_WRONG`] change nothing in any tier and are not kept.
    pub wrong: Vec<Timestamp>,
    /// Verifications with codes of six digits since the last right code.
    pub unconfirmed: u32,
    /// Whether the last verification passed the marks.
    pub is_past_marks: bool,
}

/// What is decided when a verification starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDecision {
    /// The length of its codes; without one, how long to wait for six digits.
    pub length: Result<CodeLength, Duration>,
    /// Whether this verification is the first to pass the marks: a security event.
    pub passes_marks: bool,
}

impl CodeHistory {
    #[must_use]
    pub fn of(tier: CodeTier) -> Self {
        Self { tier, ..Self::default() }
    }

    /// Decides about a verification that starts now, and remembers it.
    pub fn start(&mut self, now: Timestamp, input: CodeInput) -> CodeDecision {
        self.forget_old(now);
        let wait = match input {
            CodeInput::Legacy => self.legacy_wait(now),
            CodeInput::Any | CodeInput::SixDigits => self.wait(now),
        };
        let length = match (wait, input) {
            (None, _) => Ok(CodeLength::Six),
            (Some(_), CodeInput::Any) => Ok(CodeLength::Ten),
            (Some(wait), _) => Err(wait),
        };
        let passes_marks = wait.is_some() && !self.is_past_marks;
        self.is_past_marks = wait.is_some();
        if wait.is_none() {
            self.six_digit.insert(0, SixDigitStart { at: now, running: true });
            self.unconfirmed += 1;
        }
        CodeDecision { length, passes_marks }
    }

    /// Remembers a wrong code. `is_last`: no more codes of that verification are compared.
    pub fn record_wrong(&mut self, now: Timestamp, started_at: Timestamp, is_last: bool) {
        self.forget_old(now);
        self.wrong.insert(0, now);
        self.wrong.truncate(CodeMarks::MAX_WRONG);
        if is_last {
            self.end(started_at);
        }
    }

    /// Remembers a right code. Wrong ones stay.
    pub fn record_right(&mut self, now: Timestamp, started_at: Timestamp) {
        self.forget_old(now);
        self.unconfirmed = 0;
        self.end(started_at);
    }

    /// Forgets a verification whose code was never sent.
    pub fn record_unsent(&mut self, now: Timestamp, started_at: Timestamp) {
        self.forget_old(now);
        if let Some(index) = self.running_at(started_at) {
            self.six_digit.remove(index);
            self.unconfirmed = self.unconfirmed.saturating_sub(1);
        }
    }

    fn running_at(&self, at: Timestamp) -> Option<usize> {
        self.six_digit.iter().position(|start| start.running && start.at == at)
    }

    fn end(&mut self, started_at: Timestamp) {
        if let Some(index) = self.running_at(started_at) {
            self.six_digit[index].running = false;
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        self.six_digit.retain(|start| start.at + DAY > now);
        for start in &mut self.six_digit {
            start.running &= start.at + RECORD_TTL > now;
        }
        self.wrong.retain(|at| *at + CodeMarks::WRONG_WINDOW > now);
        if self.six_digit.is_empty() && self.wrong.is_empty() {
            *self = Self::of(self.tier);
        }
    }

    /// How long until `most` verifications of `period` are fewer; none if they are.
    fn wait_for(&self, most: usize, period: Duration, now: Timestamp) -> Option<Duration> {
        let oldest = self.six_digit.get(most.checked_sub(1)?)?;
        Some((oldest.at + period).since(now)).filter(|wait| !wait.is_zero())
    }

    /// How long until a verification may have codes of six digits; none if it may now.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let hour = self.wait_for(CodeMarks::SIX_PER_HOUR, HOUR, now);
        let day = self.wait_for(CodeMarks::SIX_PER_DAY, DAY, now);
        hour.max(day).max(self.wait_for_wrong(now))
    }

    /// The same for wrong codes: with those that are still to come, this verification's
    /// included, they may not pass the mark.
    fn wait_for_wrong(&self, now: Timestamp) -> Option<Duration> {
        let attempts = MAX_ATTEMPTS as usize;
        let mut running = self.six_digit.iter().filter(|start| start.running);
        let expected = attempts * (running.clone().count() + 1);
        let max_wrong = self.tier.max_wrong();
        if self.wrong.len() + expected <= max_wrong {
            return None;
        }
        let ends = match self.wrong.get(max_wrong - attempts) {
            Some(oldest) => *oldest + CodeMarks::WRONG_WINDOW,
            // Fewer wrong codes: those that are running stand in the way.
            None => running.next_back()?.at + RECORD_TTL,
        };
        Some(ends.since(now))
    }

    fn legacy_wait(&self, now: Timestamp) -> Option<Duration> {
        let most = if self.unconfirmed >= CodeMarks::LEGACY_STREAK {
            CodeMarks::LEGACY_PER_DAY_IN_STREAK
        } else {
            CodeMarks::LEGACY_PER_DAY
        };
        self.wait_for(most, DAY, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn minutes(minutes: u64) -> Timestamp {
        NOW + Duration::from_mins(minutes)
    }

    fn length(history: &mut CodeHistory, at: Timestamp) -> CodeLength {
        history.start(at, CodeInput::Any).length.expect("any input gets a code")
    }

    /// A verification whose five attempts are used up.
    fn guess(history: &mut CodeHistory, at: Timestamp) -> CodeLength {
        let length = length(history, at);
        for n in 1..=5 {
            history.record_wrong(at, at, n == 5);
        }
        length
    }

    #[test]
    fn a_known_device_has_fewer_wrong_codes() {
        for (tier, most) in [(CodeTier::Default, 100), (CodeTier::KnownDevice, 20)] {
            let mut history = CodeHistory { wrong: vec![NOW; most - 5], ..CodeHistory::of(tier) };
            assert_eq!(length(&mut history, minutes(1)), CodeLength::Six);
            // The running one may still bring five.
            assert_eq!(length(&mut history, minutes(2)), CodeLength::Ten);
            history.record_right(minutes(3), minutes(1));
            assert_eq!(length(&mut history, minutes(4)), CodeLength::Six);
            history.record_wrong(minutes(5), minutes(4), false);
            history.record_right(minutes(5), minutes(4));
            assert_eq!(length(&mut history, minutes(6)), CodeLength::Ten);
        }
    }

    #[test]
    fn six_an_hour_and_ten_a_day_have_six_digits() {
        let mut history = CodeHistory::default();
        for n in 0..6 {
            assert_eq!(length(&mut history, minutes(n)), CodeLength::Six);
        }
        assert_eq!(length(&mut history, minutes(59)), CodeLength::Ten);
        for n in 60..64 {
            assert_eq!(length(&mut history, minutes(n)), CodeLength::Six);
        }
        assert_eq!(length(&mut history, minutes(24 * 60 - 1)), CodeLength::Ten);
        assert_eq!(length(&mut history, minutes(24 * 60)), CodeLength::Six);
    }

    #[test]
    fn a_hundred_wrong_codes_in_a_year_are_the_last_of_six_digits() {
        let mut history = CodeHistory::default();
        let day = |n: u64| minutes(n * 24 * 60);
        for n in 0..20 {
            assert_eq!(guess(&mut history, day(n)), CodeLength::Six, "{n}");
            history.record_right(day(n), day(n));
        }
        assert_eq!(guess(&mut history, day(20)), CodeLength::Ten);
        assert_eq!(guess(&mut history, day(364)), CodeLength::Ten);
        assert_eq!(history.wrong.len(), 100);
    }

    #[test]
    fn what_runs_is_counted_with_its_attempts() {
        let mut history = CodeHistory { wrong: vec![NOW; 90], ..CodeHistory::default() };
        assert_eq!(length(&mut history, NOW), CodeLength::Six);
        assert_eq!(length(&mut history, NOW), CodeLength::Six);
        let refused = history.start(minutes(1), CodeInput::SixDigits);
        assert_eq!(refused.length, Err(Duration::from_mins(14)));
        history.record_right(minutes(1), NOW);
        assert_eq!(length(&mut history, minutes(1)), CodeLength::Six);
        assert_eq!(length(&mut history, minutes(1)), CodeLength::Ten);
        history.record_unsent(minutes(1), minutes(1));
        assert_eq!(length(&mut history, minutes(1)), CodeLength::Six);
        assert_eq!(length(&mut history, minutes(14)), CodeLength::Ten);
        assert_eq!(length(&mut history, minutes(15)), CodeLength::Six);
    }

    #[test]
    fn the_verification_that_ends_is_the_one_that_is_named() {
        let mut history = CodeHistory::default();
        for n in 0..3 {
            let _ = length(&mut history, minutes(n));
        }
        history.record_right(minutes(3), minutes(1));
        let running: Vec<bool> = history.six_digit.iter().map(|start| start.running).collect();
        assert_eq!(running, [true, false, true]);
        history.record_unsent(minutes(3), minutes(0));
        // It has ended: its code was sent.
        history.record_unsent(minutes(3), minutes(1));
        let left: Vec<Timestamp> = history.six_digit.iter().map(|start| start.at).collect();
        assert_eq!(left, [minutes(2), minutes(1)]);
    }

    #[test]
    fn the_scripts_know_an_input_by_its_name() {
        assert_eq!(CodeInput::ALL.map(CodeInput::as_str), ["any", "six_digits", "legacy"]);
    }

    #[test]
    fn a_client_of_six_digits_waits_until_wrong_codes_are_a_year_old() {
        let mut history = CodeHistory { wrong: vec![NOW; 100], ..CodeHistory::default() };
        let refused = history.start(minutes(1), CodeInput::SixDigits);
        assert_eq!(refused.length, Err(Duration::from_mins(365 * 24 * 60 - 1)));
    }

    #[test]
    fn a_client_of_six_digits_waits() {
        let mut history = CodeHistory::default();
        for _ in 0..6 {
            assert_eq!(history.start(NOW, CodeInput::SixDigits).length, Ok(CodeLength::Six));
        }
        let refused = history.start(minutes(1), CodeInput::SixDigits);
        let expected = CodeDecision { length: Err(Duration::from_mins(59)), passes_marks: true };
        assert_eq!(refused, expected);
        assert!(!history.start(minutes(2), CodeInput::SixDigits).passes_marks, "told once");
        assert_eq!(length(&mut history, minutes(60)), CodeLength::Six);
        assert!(!history.is_past_marks);
    }

    #[test]
    fn legacy_clients_get_ten_a_day_and_two_after_twenty_without_a_right_code() {
        let mut history = CodeHistory::default();
        let day = |n: u64| minutes(n * 24 * 60);
        let start =
            |history: &mut CodeHistory, at| history.start(at, CodeInput::Legacy).length.is_ok();
        for n in 0..2 {
            for _ in 0..10 {
                assert!(start(&mut history, day(n)));
            }
            assert!(!start(&mut history, day(n)));
            history.record_wrong(day(n), day(n), false);
        }
        for (n, expected) in [(2, [true, true, false]), (3, [true, true, false])] {
            assert_eq!([0; 3].map(|_| start(&mut history, day(n))), expected);
        }
        history.record_right(day(3), day(3));
        assert!(start(&mut history, day(3)));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut history = CodeHistory::default();
        for day in [0, 1] {
            let _ = length(&mut history, minutes(day * 24 * 60));
            assert_eq!((history.six_digit.len(), history.unconfirmed), (1, 1), "day {day}");
        }
        let mut history = CodeHistory::default();
        guess(&mut history, NOW);
        history.is_past_marks = true;
        let mut later = history.clone();
        later.start(NOW + CodeMarks::WRONG_WINDOW, CodeInput::Any);
        assert_eq!((later.wrong.len(), later.unconfirmed, later.six_digit.len()), (0, 1, 1));
        assert!(!later.is_past_marks);
    }
}

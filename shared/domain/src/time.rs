//! A point in time: milliseconds since the Unix epoch. The store and the scripts use
//! the same resolution, so a time survives every round trip unchanged.

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down, as JWT claims want them (RFC 7519 `NumericDate`).
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Time from `earlier` to this, zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Whole seconds from `now` until this, rounded up, zero when past: what a client
    /// is told to wait, so that it never comes a moment too early.
    #[must_use]
    pub fn seconds_left(self, now: Self) -> u64 {
        u64::try_from((self.0 - now.0 + 999).div_euclid(1000)).unwrap_or(0)
    }
}

/// Whole milliseconds of a duration.
#[must_use]
pub const fn millis_of(duration: Duration) -> i64 {
    // Durations here are constants of hours and days: far below the range of i64.
    duration.as_secs().cast_signed() * 1000 + duration.subsec_millis() as i64
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        match u64::try_from(at.0) {
            Ok(millis) => UNIX_EPOCH + Duration::from_millis(millis),
            Err(_) => UNIX_EPOCH - Duration::from_millis(at.0.unsigned_abs()),
        }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Self {
        match at.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(millis_of(after)),
            Err(before) => Self(-millis_of(before.duration())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_and_never_negative() {
        let now = Timestamp::from_millis(10_000);
        assert_eq!(Timestamp::from_millis(10_001).seconds_left(now), 1);
        assert_eq!(Timestamp::from_millis(11_000).seconds_left(now), 1);
        assert_eq!(Timestamp::from_millis(11_001).seconds_left(now), 2);
        assert_eq!(Timestamp::from_millis(9_000).seconds_left(now), 0);
    }

    #[test]
    fn seconds_are_whole_and_rounded_down() {
        for (millis, seconds) in [(-1, -1), (0, 0), (999, 0), (1000, 1), (5999, 5)] {
            assert_eq!(Timestamp::from_millis(millis).seconds(), seconds, "{millis}");
        }
    }

    #[test]
    fn system_time_round_trips() {
        for millis in [-1, 0, 1, 1_790_000_000_123] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(Timestamp::from(SystemTime::from(at)), at);
        }
    }
}

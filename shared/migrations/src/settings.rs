//! How long a statement of a migration may wait, and how often it is repeated.

use std::time::Duration;

use shared::clock::Rng;
use tokio_postgres::error::SqlState;

/// The defaults suit a service whose requests give up after two seconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a statement may wait for a lock. All later statements of the service wait
    /// behind it, so it is short and the statement is repeated. Zero waits for ever.
    pub lock_timeout: Duration,
    /// How long a statement may run that holds locks against the service. Zero: for ever.
    pub statement_timeout: Duration,
    /// The same as `lock_timeout` for statements that nothing waits behind: CONCURRENTLY.
    pub concurrent_lock_timeout: Duration,
    /// How often a statement is tried that fails for a lock or a deadlock.
    pub attempts: u32,
    /// The pause after the first attempt. It doubles, up to `max_pause`.
    pub pause: Duration,
    pub max_pause: Duration,
    /// How often the lock between runs is polled.
    pub polls: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(300),
            statement_timeout: Duration::from_secs(2),
            concurrent_lock_timeout: Duration::from_mins(10),
            // About six minutes with these pauses.
            attempts: 80,
            pause: Duration::from_millis(250),
            max_pause: Duration::from_secs(5),
            // About ten minutes.
            polls: 120,
        }
    }
}

impl Settings {
    /// The pause after the attempt of this number, counted from 1: random between half and
    /// one and a half times its length, so that runs do not meet again.
    pub(crate) fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = self.pause * 2_u32.saturating_pow(attempt.saturating_sub(1).min(10));
        let random = f64::from(Rng.next_u32()) / f64::from(u32::MAX);
        doubled.min(self.max_pause).mul_f64(0.5 + random)
    }
}

/// Whether the statement may succeed when it is repeated: it waited too long for a lock, or
/// was chosen to end a deadlock.
pub(crate) fn is_repeatable(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ]
        .contains(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_vary() {
        let settings = Settings::default();
        for (attempt, millis) in [(1, 250), (2, 500), (5, 4000), (6, 5000), (80, 5000)] {
            let whole = Duration::from_millis(millis);
            for _ in 0..20 {
                let pause = settings.pause_after(attempt);
                assert!(pause >= whole / 2 && pause <= whole * 3 / 2, "{attempt}: {pause:?}");
            }
        }
        assert_ne!(settings.pause_after(9), settings.pause_after(9));
    }
}

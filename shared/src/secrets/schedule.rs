//! When secrets of the cloud are loaded again.

use domain::time::Timestamp;
use std::time::Duration;

/// Secrets are loaded again with the first request after this time.
pub const REFRESH_AFTER: Duration = Duration::from_mins(5);
/// From one try to the next.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// When a secret was loaded, and when that was last tried.
#[derive(Clone, Copy, Default)]
pub(super) struct Schedule {
    pub(super) loaded_at: Option<Timestamp>,
    pub(super) tried_at: Option<Timestamp>,
}

impl Schedule {
    pub(super) fn is_due(self, now: Timestamp) -> bool {
        self.is_older_than(REFRESH_AFTER, now)
            && self.tried_at.is_none_or(|tried| now.since(tried) >= RETRY_AFTER)
    }

    pub(super) fn is_older_than(self, age: Duration, now: Timestamp) -> bool {
        self.loaded_at.is_some_and(|loaded| now.since(loaded) >= age)
    }
}

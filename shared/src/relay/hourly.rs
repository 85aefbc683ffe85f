//! What Redis counted within an hour, entered in the trail as one event with its count.

use domain::time::Timestamp;
use std::time::{Duration, Instant};
use thiserror::Error;

use crate::audit::{AuditEntry, hourly_event_id};
use crate::cache::CacheError;
use crate::core::Core;
use crate::store::StoreError;

/// For a run on a schedule: what an attack left to count must not keep deliveries and the root waiting.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum HourlyError {
    #[error("failed to read or delete counts")]
    Cache(#[from] CacheError),
    #[error("failed to enter a count")]
    Store(#[from] StoreError),
}

/// Enters the counts of all hours that are over, and begins none after the time limit. Gives how many
/// were entered. A count is deleted when its entry is committed: whatever is killed in between is found
/// again, and entered once.
pub async fn enter_hourly_events(
    core: &Core,
    now: Timestamp,
    time_limit: Duration,
) -> Result<usize, HourlyError> {
    let (mut entered, began) = (0, Instant::now());
    loop {
        if began.elapsed() >= time_limit {
            tracing::warn!(entered, "hourly counts are left for the next run");
            return Ok(entered);
        }
        let counts = core.cache.take_hourly_counts(now).await?;
        if counts.is_empty() {
            return Ok(entered);
        }
        for count in &counts {
            let id = hourly_event_id(count.user, count.event, count.hour);
            let entry = AuditEntry::counted(count.event, count.count, count.hour, now);
            let is_new = core.store.record_hourly_event(id, count.user, now, &entry).await?;
            entered += usize::from(is_new);
        }
        core.cache.delete_hourly_counts(&counts).await?;
    }
}

//! Scheduled maintenance: deletes keys that can never be given out again, and stores the
//! fleet's key statistics as metrics. `cargo local` runs it on a timer.

use domain::time::Timestamp;

use crate::core::Core;
use crate::store::StoreError;

/// Devices per statement: few enough that each takes milliseconds.
const BATCH: i64 = 500;
/// Statements of one run; the next run continues.
const MAX_BATCHES: usize = 200;

/// Deletes expired keys in batches, and stores the fleet's key statistics. Returns the number
/// of devices whose keys were deleted.
pub async fn clean_up_keys(core: &Core, now: Timestamp) -> Result<i64, StoreError> {
    let mut cleaned = 0;
    for _ in 0..MAX_BATCHES {
        let batch = core.store.clean_up_keys(now, BATCH).await?;
        cleaned += batch;
        if batch < BATCH {
            break;
        }
    }
    let stats = core.store.key_stats().await?;
    let gauges = [
        ("auth_prekeys_unused", stats.prekeys),
        ("auth_kyber_prekeys_unused", stats.kyber_prekeys),
        ("auth_key_devices", stats.devices),
        ("auth_key_devices_low", stats.devices_low),
        ("auth_key_devices_empty", stats.devices_empty),
        ("auth_key_cleanup_timestamp_seconds", now.seconds()),
    ];
    if let Err(error) = core.cache.set_gauges(&gauges).await {
        tracing::warn!(error = %crate::telemetry::ErrorChain(&error), "failed to store key statistics");
    }
    Ok(cleaned)
}

//! One run of the maintenance.

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::config::MaintenanceConfig;
use shared::maintenance::{Deleted, Report, run};
use std::time::Instant;
use thiserror::Error as ThisError;

use crate::state::MaintenanceState;

/// What a run is told: nothing. The schedule's event says when it was due, which may be long ago.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct MaintenanceEvent {}

/// How much was deleted, and encrypted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceAnswer {
    pub sessions: i64,
    pub logins: i64,
    pub events: i64,
    pub verifications: i64,
    pub changes: i64,
    pub accounts: i64,
    /// Devices whose expired keys were deleted.
    pub key_devices: i64,
    /// Secrets of second factors that were encrypted anew.
    pub secrets: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{0} parts of the maintenance failed")]
struct PartsFailed(u32);

/// Runs the maintenance, once the database answers. It fails after everything was tried, so that an alarm sees it.
pub async fn handle(
    state: MaintenanceState,
    _event: MaintenanceEvent,
) -> Result<MaintenanceAnswer, Error> {
    let began = Instant::now();
    state.core.store.wait_until_ready(state.resume_limit).await?;
    let time_limit = state.config.time_limit.saturating_sub(began.elapsed());
    let config = MaintenanceConfig { time_limit, ..state.config };
    let report = run(&state.core, config, &state.keys, state.core.clock.now()).await;
    // It looks at the outbox once a day in any case: now that the database is awake.
    state.core.after_commit.invoke_relay().await;
    let Report { deleted, devices, secrets, failures } = report;
    if failures > 0 {
        return Err(PartsFailed(failures).into());
    }
    let Deleted { sessions, logins, events, verifications, changes, accounts } = deleted;
    Ok(MaintenanceAnswer {
        sessions,
        logins,
        events,
        verifications,
        changes,
        accounts,
        key_devices: devices,
        secrets,
    })
}

//! How long rows are kept that only their user reads, and how long a run may take.

use std::time::Duration;

use super::env::EnvReader;

#[derive(Clone, Copy, Debug)]
pub struct MaintenanceConfig {
    pub login_history: Duration,
    /// After this a run begins nothing new; the next one goes on.
    pub time_limit: Duration,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        let (days, seconds) = (Self::LOGIN_HISTORY_DAYS, Self::SECONDS);
        Self {
            login_history: Duration::from_hours(days * 24),
            time_limit: Duration::from_secs(seconds),
        }
    }
}

impl MaintenanceConfig {
    const LOGIN_HISTORY_DAYS: u64 = 365;
    const SECONDS: u64 = 240;

    pub fn read(env: &mut EnvReader) -> Self {
        let days: u64 = env.number("LOGIN_HISTORY_DAYS", Self::LOGIN_HISTORY_DAYS, 1, 3650);
        let seconds = env.number("MAINTENANCE_SECONDS", Self::SECONDS, 1, 840);
        Self {
            login_history: Duration::from_hours(days * 24),
            time_limit: Duration::from_secs(seconds),
        }
    }
}

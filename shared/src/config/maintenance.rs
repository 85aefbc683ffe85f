//! How long rows are kept that only their user reads.

use std::time::Duration;

use super::env::EnvReader;

#[derive(Clone, Copy, Debug)]
pub struct MaintenanceConfig {
    pub login_history: Duration,
}

impl MaintenanceConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        let days: u64 = env.number("LOGIN_HISTORY_DAYS", 365, 1, 3650);
        Self { login_history: Duration::from_hours(days * 24) }
    }
}

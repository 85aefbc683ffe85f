//! `rate_limit:breaker:{country}` and `rate_limit:breaker_blocks:{country}`: the circuit
//! breaker of SMS. The scripts of a verification contain `breaker.lua`; here are its
//! parameters and its alarm.

use domain::time::millis_of;
use domain::verification::SmsBreaker;
use serde::Serialize;

use crate::telemetry::Metrics;

/// The functions of the breaker, for scripts that send or confirm codes.
pub(super) const LUA: &str = include_str!("breaker.lua");

/// The parameters of the breaker; times in milliseconds.
#[derive(Serialize)]
pub(super) struct BreakerArgs {
    window: i64,
    min_sends: u32,
    min_confirmed_ratio: u32,
    mature_after: i64,
    pause: i64,
    half_open_probes: u32,
    min_block_sends: u32,
}

impl BreakerArgs {
    pub(super) fn new() -> Self {
        Self {
            window: millis_of(SmsBreaker::WINDOW),
            min_sends: SmsBreaker::MIN_SENDS,
            min_confirmed_ratio: SmsBreaker::MIN_CONFIRMED_RATIO,
            mature_after: millis_of(SmsBreaker::MATURE_AFTER),
            pause: millis_of(SmsBreaker::PAUSE),
            half_open_probes: SmsBreaker::HALF_OPEN_PROBES,
            min_block_sends: SmsBreaker::MIN_BLOCK_SENDS,
        }
    }
}

/// Raises the alarm: the breaker has just paused a block or a country.
pub(super) fn report_trip(metrics: &Metrics) {
    metrics.count("auth_sms_breaker_trips_total");
    tracing::error!(alarm = "sms_breaker", "sms paused: too few codes are confirmed");
}

//! `rate_limit:breaker:{country}` and `rate_limit:breaker_blocks:{country}`: the circuit
//! breaker of SMS. The scripts that send and confirm codes contain `breaker.lua`.

use domain::time::{Timestamp, millis_of};
use domain::verification::SmsBreaker;
use std::sync::LazyLock;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::{LIMITS, LuaScript, READ_HASH};

static REPORT: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("report_confirmed", &[LIMITS, READ_HASH, &lua(), include_str!("report.lua")])
});

/// How the breaker of a country counted a send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CountedSend {
    /// Empty if the breaker did not count it.
    pub minute: String,
    /// `1` for a half-open probe.
    pub probe: String,
}

/// The functions of the breaker, for scripts that send or confirm codes. They need those of
/// the limits and of hashes.
pub(super) fn lua() -> String {
    format!(
        "local WINDOW, MATURE_AFTER, PAUSE = {}, {}, {}\n\
         local MIN_SENDS, MIN_BLOCK_SENDS, MIN_CONFIRMED_RATIO, HALF_OPEN_PROBES = {}, {}, {}, {}\n{}",
        millis_of(SmsBreaker::WINDOW),
        millis_of(SmsBreaker::MATURE_AFTER),
        millis_of(SmsBreaker::PAUSE),
        SmsBreaker::MIN_SENDS,
        SmsBreaker::MIN_BLOCK_SENDS,
        SmsBreaker::MIN_CONFIRMED_RATIO,
        SmsBreaker::HALF_OPEN_PROBES,
        include_str!("breaker.lua")
    )
}

/// The keys of a country.
pub(super) fn keys(country: &str) -> [String; 2] {
    [
        format!("rate_limit:breaker:{{{country}}}"),
        format!("rate_limit:breaker_blocks:{{{country}}}"),
    ]
}

impl Cache {
    /// Reports a right code. A repeated call may count it twice.
    pub(super) async fn report_confirmed(
        &self,
        country: &str,
        block: &str,
        send: &CountedSend,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let call = REPORT.call(now).keys(keys(country)).arg(block);
        self.run(call.arg(&send.minute).arg(&send.probe)).await.map(drop)
    }
}

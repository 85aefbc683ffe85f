//! `rate_limit:breaker:{country}` and `rate_limit:breaker_blocks:{country}`: the circuit
//! breaker of SMS. The scripts that send codes contain `breaker.lua` and `count.lua`, those that
//! confirm or withdraw codes `count.lua`.

use domain::time::{Timestamp, millis_of};
use domain::verification::SmsBreaker;
use std::sync::LazyLock;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::LuaScript;
use crate::limits::check::hash_tag;

static REPORT: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("report_confirmed", &[COUNT, include_str!("report.lua")]));

/// How the breaker of a country counted a send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CountedSend {
    /// Empty if the breaker did not count it.
    pub minute: String,
    /// `1` for a half-open probe.
    pub probe: String,
}

/// The function that changes a count, for scripts that confirm or withdraw codes.
pub(super) const COUNT: &str = include_str!("count.lua");

/// The functions of the breaker, for scripts that send codes. They need the function that
/// reads a hash, and contain [`COUNT`].
pub(super) fn lua() -> String {
    format!(
        "local WINDOW, MATURE_AFTER, PAUSE = {}, {}, {}\n\
         local MIN_SENDS, MIN_BLOCK_SENDS, MIN_CONFIRMED_RATIO, HALF_OPEN_PROBES = {}, {}, {}, {}\n\
         {COUNT}{}",
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
    let tag = hash_tag(country);
    [format!("rate_limit:breaker:{tag}"), format!("rate_limit:breaker_blocks:{tag}")]
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

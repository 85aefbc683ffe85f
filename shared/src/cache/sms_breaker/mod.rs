//! The circuit breaker of SMS: `rate_limit:breaker:{country}` and its sends and pauses. The
//! scripts that send codes contain `breaker.lua` and `count.lua`, those that confirm or withdraw
//! codes `count.lua`.

use domain::time::{Timestamp, millis_of};
use domain::verification::BreakerMarks;
use std::sync::LazyLock;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::LuaScript;
use crate::limits::check::hash_tag;

static REPORT: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("report_confirmed", &[&count(), include_str!("report.lua")]));

/// The counts of the window, with those that a late confirmation or a pause may still need.
const BREAKER_TTL_WINDOWS: i64 = 3;

/// The functions that change a count, for scripts that confirm or withdraw codes.
pub(super) fn count() -> String {
    let window = millis_of(BreakerMarks::WINDOW);
    format!(
        "local WINDOW, BREAKER_TTL = {window}, {}\nlocal TRUST_TTL, MAX_TRUSTED = {}, {}\n{}",
        window * BREAKER_TTL_WINDOWS,
        millis_of(BreakerMarks::TRUST_TTL),
        BreakerMarks::MAX_TRUSTED,
        include_str!("count.lua")
    )
}

/// The functions of the breaker, for scripts that send codes. They need the function that
/// reads a hash, and contain [`count`].
pub(super) fn lua() -> String {
    format!(
        "{}local MATURE_AFTER, PAUSE, ROUND, TICKET_STEP = {}, {}, {}, {}\n\
         local MIN_SENDS, MIN_SOURCE_SENDS, MIN_DISTRUST_SENDS = {}, {}, {}\n\
         local MIN_CONFIRMED_RATIO = {}\n\
         local PROBES, TICKETS, MAX_SENDS = {}, {}, {}\n{}",
        count(),
        millis_of(BreakerMarks::MATURE_AFTER),
        millis_of(BreakerMarks::PAUSE),
        millis_of(BreakerMarks::ROUND),
        millis_of(BreakerMarks::TICKET_STEP),
        BreakerMarks::MIN_SENDS,
        BreakerMarks::MIN_SOURCE_SENDS,
        BreakerMarks::MIN_DISTRUST_SENDS,
        BreakerMarks::MIN_CONFIRMED_RATIO,
        BreakerMarks::PROBES,
        BreakerMarks::TICKETS,
        BreakerMarks::MAX_SENDS,
        include_str!("breaker.lua")
    )
}

/// The keys of a country: its counts, its sends, its pauses, what it confirmed by the hour, the
/// networks that confirmed codes, and their codes that are not confirmed.
pub(super) fn keys(country: &str) -> [String; 6] {
    let tag = hash_tag(country);
    let names = [
        "breaker",
        "breaker_sends",
        "breaker_pauses",
        "sms_confirmed",
        "breaker_trusted",
        "sms_trusted_pending",
    ];
    names.map(|name| format!("rate_limit:{name}:{tag}"))
}

impl Cache {
    /// Reports a right code. `send` says how the breaker finds it.
    pub(super) async fn report_confirmed(
        &self,
        country: &str,
        send: &str,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        self.run(REPORT.call(now).keys(keys(country)).arg(send)).await.map(drop)
    }
}

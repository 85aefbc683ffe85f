//! Confirms a verification by its code.

use domain::ids::VerificationId;
use domain::time::millis_of;
use domain::verification::{CONFIRMED_TTL, MAX_ATTEMPTS, PhoneLock, Purpose};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

use super::record::key;
use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;
use crate::cache::script::LuaScript;
use crate::cache::sms_breaker;
use crate::limits::check::RateLimitCheck;

static CONFIRM: LazyLock<LuaScript> = LazyLock::new(|| {
    let files = [include_str!("phone_lock.lua"), sms_breaker::LUA, include_str!("confirm.lua")];
    LuaScript::new("confirm_verification", &files)
});

/// The result of one attempt. Each `wait` is in milliseconds.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ConfirmOutcome {
    Confirmed {
        requires_2fa: bool,
    },
    Incorrect {
        attempts_left: u32,
        /// Whether this wrong code locks the number.
        locked: bool,
        /// The number, encrypted.
        phone: String,
    },
    PhoneLocked {
        wait: u64,
    },
    Expired,
    Invalid,
    TooManyAttempts {
        wait: u64,
    },
}

#[derive(Serialize)]
struct Confirm<'a> {
    purpose: &'static str,
    device: &'a str,
    code_mac: &'a str,
    max_attempts: u32,
    confirmed_ttl: i64,
    lock: LockArgs,
}

/// The parameters of the lock of a number.
#[derive(Serialize)]
struct LockArgs {
    per_hour: u32,
    per_day: u32,
    streak: u32,
    per_day_in_streak: u32,
}

impl LockArgs {
    const fn new() -> Self {
        Self {
            per_hour: PhoneLock::WRONG_PER_HOUR,
            per_day: PhoneLock::WRONG_PER_DAY,
            streak: PhoneLock::WRONG_STREAK,
            per_day_in_streak: PhoneLock::WRONG_PER_DAY_IN_STREAK,
        }
    }
}

impl Cache {
    /// Compares a code by its digest and counts the attempt.
    pub async fn confirm_verification(
        &self,
        id: &VerificationId,
        purpose: Purpose,
        device: &str,
        code_mac: &str,
        check: &RateLimitCheck<'_>,
    ) -> Result<ConfirmOutcome, CacheError> {
        let confirm = Confirm {
            purpose: purpose.as_str(),
            device,
            code_mac,
            max_attempts: MAX_ATTEMPTS,
            confirmed_ttl: millis_of(CONFIRMED_TTL),
            lock: LockArgs::new(),
        };
        self.run(&CONFIRM, Some(&key(id)), check, confirm).await
    }
}

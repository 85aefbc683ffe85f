//! Starts a verification.

use domain::ids::VerificationId;
use domain::verification::{CODE_TTL, MAX_ATTEMPTS, Purpose, RECORD_TTL, RESEND_WAITS};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::time::Duration;

use super::record::{Progress, key};
use super::tier::RateLimitTier;
use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;
use crate::cache::script::LuaScript;
use crate::cache::sms_breaker::{self, BreakerArgs};
use crate::limits::check::RateLimitCheck;
use crate::limits::policy::LimitsConfig;

static START: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("start_verification", &[sms_breaker::LUA, include_str!("start.lua")])
});

/// A verification about to start.
#[derive(Debug)]
pub struct NewVerification {
    pub purpose: Purpose,
    pub tier: RateLimitTier,
    /// The keyed digest of the phone number.
    pub phone_key: String,
    /// The country whose budget the SMS uses.
    pub country: String,
    /// The keyed digest of the number's block.
    pub block: String,
    pub sealed_phone: String,
    pub device: String,
    pub code_mac: String,
    /// Whether the number has an account: it decides the text of the message.
    pub known: bool,
    pub requires_second_factor: bool,
}

/// The record as Redis stores it.
#[derive(Serialize)]
struct StoredRecord<'a> {
    purpose: &'static str,
    tier: &'static str,
    phone_key: &'a str,
    country: &'a str,
    block: &'a str,
    phone: &'a str,
    device: &'a str,
    code_mac: &'a str,
    code_expires_at: i64,
    expires_at: i64,
    resend_at: i64,
    known: u8,
    requires_2fa: u8,
    attempts: u32,
    sends: u32,
    verified: u8,
}

#[derive(Serialize)]
struct Start<'a> {
    record: StoredRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<BreakerArgs>,
}

#[derive(Deserialize)]
struct Started {}

impl Cache {
    /// Starts a verification, if its limits and the breaker allow one more code.
    pub async fn start_verification(
        &self,
        id: &VerificationId,
        new: &NewVerification,
        check: &RateLimitCheck<'_>,
        limits: &LimitsConfig,
    ) -> Result<Progress, CacheError> {
        let now = check.now();
        let wait = if limits.enabled { RESEND_WAITS[0] } else { Duration::ZERO };
        let progress = Progress {
            code_expires_at: now + CODE_TTL,
            resend_at: now + wait,
            attempts_left: MAX_ATTEMPTS,
        };
        let record = StoredRecord {
            purpose: new.purpose.as_str(),
            tier: new.tier.as_str(),
            phone_key: &new.phone_key,
            country: &new.country,
            block: &new.block,
            phone: &new.sealed_phone,
            device: &new.device,
            code_mac: &new.code_mac,
            code_expires_at: progress.code_expires_at.millis(),
            expires_at: (now + RECORD_TTL).millis(),
            resend_at: progress.resend_at.millis(),
            known: u8::from(new.known),
            requires_2fa: u8::from(new.requires_second_factor),
            attempts: 0,
            sends: 1,
            verified: 0,
        };
        let has_breaker = limits.enabled && new.tier == RateLimitTier::Default;
        let start = Start { record, breaker: has_breaker.then(BreakerArgs::new) };
        let check = check.with_limits(limits, &new.tier.limits_of(&new.phone_key, &new.country));
        let Started {} = self.run(&START, Some(&key(id)), &check, start).await?;
        Ok(progress)
    }
}

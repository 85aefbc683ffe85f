//! Gives a running verification a new code.

use domain::ids::VerificationId;
use domain::time::{Timestamp, millis_of};
use domain::verification::{CODE_TTL, MAX_ATTEMPTS, Purpose, RESEND_WAITS};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use super::record::{Progress, key};
use super::tier::{LimitsByTier, RateLimitTier};
use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;
use crate::cache::script::LuaScript;
use crate::cache::sms_breaker::{self, BreakerArgs};
use crate::limits::check::RateLimitCheck;
use crate::limits::policy::LimitsConfig;

static RESEND: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("resend_verification", &[sms_breaker::LUA, include_str!("resend.lua")])
});

/// A new code that is stored and not yet sent.
#[derive(Debug)]
pub struct Resent {
    pub purpose: Purpose,
    pub sealed_phone: String,
    /// Whether the number has an account: it decides the text of the message.
    pub known: bool,
    pub tier: RateLimitTier,
    pub progress: Progress,
}

#[derive(Debug)]
pub enum ResendOutcome {
    Resent(Resent),
    Invalid,
    TooManyAttempts { wait: Duration },
    TooEarly { wait: Duration },
}

#[derive(Serialize)]
struct Resend<'a> {
    device: &'a str,
    code_macs: HashMap<&'static str, String>,
    code_ttl: i64,
    max_attempts: u32,
    /// The waits after the first, the second and every further resend.
    waits: [i64; RESEND_WAITS.len() - 1],
    has_waits: bool,
    tiers: LimitsByTier,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<BreakerArgs>,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Reply {
    Resent(StoredCode),
    Invalid,
    /// Milliseconds.
    TooManyAttempts {
        wait: u64,
    },
    /// Milliseconds.
    TooEarly {
        wait: u64,
    },
}

/// The new code's part of the record.
#[derive(Deserialize)]
struct StoredCode {
    purpose: String,
    phone: String,
    known: bool,
    tier: String,
    code_expires_at: i64,
    resend_at: i64,
    attempts_left: u32,
}

impl StoredCode {
    fn parse(self) -> Result<Resent, CacheError> {
        let purpose = Purpose::from_stored(&self.purpose);
        let tier = RateLimitTier::from_stored(&self.tier);
        Ok(Resent {
            purpose: purpose.ok_or_else(|| RESEND.unexpected("a purpose"))?,
            sealed_phone: self.phone,
            known: self.known,
            tier: tier.ok_or_else(|| RESEND.unexpected("a rate limit tier"))?,
            progress: Progress {
                code_expires_at: Timestamp::from_millis(self.code_expires_at),
                resend_at: Timestamp::from_millis(self.resend_at),
                attempts_left: self.attempts_left,
            },
        })
    }
}

impl Cache {
    /// Replaces the code. `code_macs` holds the digest of the new code for each purpose,
    /// because only the record knows the purpose.
    pub async fn resend_verification(
        &self,
        id: &VerificationId,
        device: &str,
        code_macs: [(Purpose, String); 2],
        check: &RateLimitCheck<'_>,
        limits: &LimitsConfig,
    ) -> Result<ResendOutcome, CacheError> {
        let resend = Resend {
            device,
            code_macs: code_macs.map(|(purpose, mac)| (purpose.as_str(), mac)).into(),
            code_ttl: millis_of(CODE_TTL),
            max_attempts: MAX_ATTEMPTS,
            waits: [millis_of(RESEND_WAITS[1]), millis_of(RESEND_WAITS[2])],
            has_waits: limits.enabled,
            tiers: RateLimitTier::all_limits(limits),
            breaker: limits.enabled.then(BreakerArgs::new),
        };
        Ok(match self.run(&RESEND, Some(&key(id)), check, resend).await? {
            Reply::Resent(code) => ResendOutcome::Resent(code.parse()?),
            Reply::Invalid => ResendOutcome::Invalid,
            Reply::TooManyAttempts { wait } => {
                ResendOutcome::TooManyAttempts { wait: Duration::from_millis(wait) }
            }
            Reply::TooEarly { wait } => {
                ResendOutcome::TooEarly { wait: Duration::from_millis(wait) }
            }
        })
    }
}

//! `verification:{id}`: one phone being verified. Its states are walked by the scripts
//! beside this file; here they get their arguments, and their answers names.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use domain::verification::{
    Breaker, CODE_TTL, CONFIRMED_TTL, LONG_STREAK, MAX_ATTEMPTS, Purpose, RECORD_TTL, RESEND_WAITS,
    WRONG_PER_DAY, WRONG_PER_DAY_IN_STREAK, WRONG_PER_HOUR,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use super::{Cache, CacheError, LimitArgs, Lua, Nothing, RateLimitCheck, lua};
use crate::limits::Limit;
use crate::limits::LimitsConfig;

static START: LazyLock<Lua> = lua!(once "breaker.lua", "start_verification.lua");
static READ: LazyLock<Lua> = lua!(repeatable "read_verification.lua");
static CONFIRM: LazyLock<Lua> = lua!(once "lock.lua", "breaker.lua", "confirm_verification.lua");
static RESEND: LazyLock<Lua> = lua!(once "breaker.lua", "resend_verification.lua");
static WITHDRAW: LazyLock<Lua> = lua!(once "breaker.lua", "withdraw_code.lua");

pub(super) fn key(id: &VerificationId) -> String {
    format!("verification:{id}")
}

/// Whose limits count a verification: everybody's, those of callers who have shown a
/// token of the account, or those of a number that is never sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitTier {
    Default,
    KnownDevice,
    Test,
}

impl RateLimitTier {
    const ALL: [Self; 3] = [Self::Default, Self::KnownDevice, Self::Test];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "phone",
            Self::KnownDevice => "known_device",
            Self::Test => "test",
        }
    }

    fn from_stored(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == stored)
    }

    /// The limits of one more code, each with the field of the record that it counts.
    const fn limits(self) -> &'static [(Limit, &'static str)] {
        match self {
            Self::Default => &[
                (Limit::PhonePerMinute, "phone_key"),
                (Limit::PhonePerHour, "phone_key"),
                (Limit::SmsPerCountry, "country"),
                (Limit::SmsGlobal, "all"),
            ],
            // Strangers who used up a country's budget do not shut its owners out.
            Self::KnownDevice => &[
                (Limit::KnownDevicePerMinute, "phone_key"),
                (Limit::KnownDevicePerHour, "phone_key"),
                (Limit::SmsGlobal, "all"),
            ],
            Self::Test => &[(Limit::TestPerMinute, "phone_key"), (Limit::TestPerHour, "phone_key")],
        }
    }

    fn args(self, config: &LimitsConfig) -> Vec<LimitArgs> {
        let limits = if config.enabled { self.limits() } else { &[] };
        limits.iter().map(|(limit, of)| LimitArgs::new(*limit, config).of(of)).collect()
    }

    /// What an SMS costs, and a failed one gives back.
    fn budgets(self, config: &LimitsConfig) -> Vec<LimitArgs> {
        let is_budget = |limit: &LimitArgs| limit.name.starts_with("sms_");
        self.args(config).into_iter().filter(is_budget).collect()
    }
}

/// The numbers of the breaker as the scripts take them, in milliseconds.
#[derive(Serialize)]
struct BreakerArgs {
    window: i64,
    min_sends: u32,
    min_confirmed_ratio: u32,
    mature_after: i64,
    pause: i64,
    half_open_probes: u32,
    min_block_sends: u32,
}

impl BreakerArgs {
    fn new() -> Self {
        Self {
            window: millis(Breaker::WINDOW),
            min_sends: Breaker::MIN_SENDS,
            min_confirmed_ratio: Breaker::MIN_CONFIRMED_RATIO,
            mature_after: millis(Breaker::MATURE_AFTER),
            pause: millis(Breaker::PAUSE),
            half_open_probes: Breaker::HALF_OPEN_PROBES,
            min_block_sends: Breaker::MIN_BLOCK_SENDS,
        }
    }
}

/// The numbers of a phone's lock.
#[derive(Serialize)]
struct LockArgs {
    per_hour: u32,
    per_day: u32,
    streak: u32,
    per_day_in_streak: u32,
}

/// A verification about to begin. Number, code and device are digests or sealed.
#[derive(Debug)]
pub struct NewVerification {
    pub purpose: Purpose,
    pub tier: RateLimitTier,
    pub phone_key: String,
    /// Whose budget pays, and a digest of the block of numbers that it is of.
    pub country: String,
    pub block: String,
    pub sealed_phone: String,
    pub device: String,
    pub code_mac: String,
    /// Whether the number has an account: decides the words of the message.
    pub known: bool,
    pub requires_second_factor: bool,
}

/// What a client may know of a running verification.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub code_expires_at: Timestamp,
    pub resend_at: Timestamp,
    pub attempts_left: u32,
}

/// A verification as register, login and GET read it.
#[derive(Debug)]
pub struct Verification {
    pub purpose: Purpose,
    pub device: String,
    pub sealed_phone: String,
    pub verified: bool,
    pub expires_at: Timestamp,
    pub progress: Progress,
}

/// A code that now counts and waits to be sent.
#[derive(Debug)]
pub struct Resent {
    pub purpose: Purpose,
    pub sealed_phone: String,
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

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ConfirmOutcome {
    Confirmed {
        requires_2fa: bool,
    },
    /// `locked`: the number's last for now. `phone` is sealed.
    Incorrect {
        attempts_left: u32,
        locked: bool,
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

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Cache {
    /// Makes a verification, if the limits allow one more code.
    pub async fn start_verification(
        &self,
        id: &VerificationId,
        new: &NewVerification,
        rate_limit_check: &RateLimitCheck<'_>,
        config: &LimitsConfig,
    ) -> Result<Progress, CacheError> {
        #[derive(Serialize)]
        struct Start<'a> {
            record: StoredRecord<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            breaker: Option<BreakerArgs>,
        }
        #[derive(Deserialize)]
        struct Started {}
        let now = rate_limit_check.now;
        let wait = if config.enabled { RESEND_WAITS[0] } else { Duration::ZERO };
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
            known: new.known.into(),
            requires_2fa: new.requires_second_factor.into(),
            attempts: 0,
            sends: 1,
            verified: 0,
        };
        let breaks = config.enabled && new.tier == RateLimitTier::Default;
        let start = Start { record, breaker: breaks.then(BreakerArgs::new) };
        let rate_limit_check = rate_limit_check.and(new.tier.args(config), |of| match of {
            "phone_key" => new.phone_key.clone(),
            "country" => new.country.clone(),
            other => other.to_owned(),
        });
        let Started {} = self.run(&START, Some(&key(id)), &rate_limit_check, start).await?;
        Ok(progress)
    }

    /// Reads a verification; `None` if there is none or it is over.
    pub async fn find_verification(
        &self,
        id: &VerificationId,
        rate_limit_check: &RateLimitCheck<'_>,
    ) -> Result<Option<Verification>, CacheError> {
        #[derive(Deserialize)]
        #[serde(tag = "status", rename_all = "snake_case")]
        enum Found {
            Ok { record: Record },
            Missing,
        }
        // Redis keeps fields as text.
        #[derive(Deserialize)]
        struct Record {
            purpose: String,
            device: String,
            phone: String,
            expires_at: String,
            code_expires_at: String,
            resend_at: String,
            attempts: String,
            verified: String,
        }
        let record = match self.run(&READ, Some(&key(id)), rate_limit_check, Nothing {}).await? {
            Found::Ok { record } => record,
            Found::Missing => return Ok(None),
        };
        let time = |text: &str| {
            text.parse().map(Timestamp::from_millis).map_err(|_| CacheError::UnexpectedData)
        };
        let attempts: u32 = record.attempts.parse().map_err(|_| CacheError::UnexpectedData)?;
        Ok(Some(Verification {
            purpose: Purpose::from_stored(&record.purpose).ok_or(CacheError::UnexpectedData)?,
            verified: record.verified == "1",
            expires_at: time(&record.expires_at)?,
            progress: Progress {
                code_expires_at: time(&record.code_expires_at)?,
                resend_at: time(&record.resend_at)?,
                attempts_left: MAX_ATTEMPTS.saturating_sub(attempts),
            },
            device: record.device,
            sealed_phone: record.phone,
        }))
    }

    /// Compares a code by its digest, counting the attempt.
    pub async fn confirm_verification(
        &self,
        id: &VerificationId,
        purpose: Purpose,
        device: &str,
        code_mac: &str,
        rate_limit_check: &RateLimitCheck<'_>,
    ) -> Result<ConfirmOutcome, CacheError> {
        #[derive(Serialize)]
        struct Confirm<'a> {
            purpose: &'static str,
            device: &'a str,
            code_mac: &'a str,
            max_attempts: u32,
            confirmed_ttl: i64,
            lock: LockArgs,
        }
        let confirm = Confirm {
            purpose: purpose.as_str(),
            device,
            code_mac,
            max_attempts: MAX_ATTEMPTS,
            confirmed_ttl: millis(CONFIRMED_TTL),
            lock: LockArgs {
                per_hour: WRONG_PER_HOUR,
                per_day: WRONG_PER_DAY,
                streak: LONG_STREAK,
                per_day_in_streak: WRONG_PER_DAY_IN_STREAK,
            },
        };
        self.run(&CONFIRM, Some(&key(id)), rate_limit_check, confirm).await
    }

    /// Puts a new code in the place of the last. `code_macs` holds its digest for each
    /// purpose, as only the record knows which it has.
    pub async fn resend_verification(
        &self,
        id: &VerificationId,
        device: &str,
        code_macs: [(Purpose, String); 2],
        rate_limit_check: &RateLimitCheck<'_>,
        config: &LimitsConfig,
    ) -> Result<ResendOutcome, CacheError> {
        #[derive(Serialize)]
        struct Resend<'a> {
            device: &'a str,
            code_macs: HashMap<&'static str, String>,
            code_ttl: i64,
            max_attempts: u32,
            waits: [i64; RESEND_WAITS.len() - 1],
            waiting: bool,
            tiers: HashMap<&'static str, Vec<LimitArgs>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            breaker: Option<BreakerArgs>,
        }
        #[derive(Deserialize)]
        #[serde(tag = "status", rename_all = "snake_case")]
        enum Reply {
            Resent {
                purpose: String,
                phone: String,
                known: bool,
                tier: String,
                code_expires_at: i64,
                resend_at: i64,
                attempts_left: u32,
            },
            Invalid,
            TooManyAttempts {
                wait: u64,
            },
            TooEarly {
                wait: u64,
            },
        }
        let resend = Resend {
            device,
            code_macs: code_macs.into_iter().map(|(p, mac)| (p.as_str(), mac)).collect(),
            code_ttl: millis(CODE_TTL),
            max_attempts: MAX_ATTEMPTS,
            waits: [millis(RESEND_WAITS[1]), millis(RESEND_WAITS[2])],
            waiting: config.enabled,
            tiers: RateLimitTier::ALL.map(|tier| (tier.as_str(), tier.args(config))).into(),
            breaker: config.enabled.then(BreakerArgs::new),
        };
        Ok(match self.run(&RESEND, Some(&key(id)), rate_limit_check, resend).await? {
            Reply::Invalid => ResendOutcome::Invalid,
            Reply::TooManyAttempts { wait } => {
                ResendOutcome::TooManyAttempts { wait: Duration::from_millis(wait) }
            }
            Reply::TooEarly { wait } => {
                ResendOutcome::TooEarly { wait: Duration::from_millis(wait) }
            }
            Reply::Resent {
                purpose,
                phone,
                known,
                tier,
                code_expires_at,
                resend_at,
                attempts_left,
            } => ResendOutcome::Resent(Resent {
                purpose: Purpose::from_stored(&purpose).ok_or(CacheError::UnexpectedData)?,
                sealed_phone: phone,
                known,
                tier: RateLimitTier::from_stored(&tier).ok_or(CacheError::UnexpectedData)?,
                progress: Progress {
                    code_expires_at: Timestamp::from_millis(code_expires_at),
                    resend_at: Timestamp::from_millis(resend_at),
                    attempts_left,
                },
            }),
        })
    }

    /// Takes back a code that could not be sent, named by its digest: the first with its
    /// verification, a later one in favour of the code before.
    pub async fn withdraw_code(
        &self,
        id: &VerificationId,
        code_mac: &str,
        now: Timestamp,
        config: &LimitsConfig,
    ) -> Result<(), CacheError> {
        #[derive(Serialize)]
        struct Withdraw<'a> {
            code_mac: &'a str,
            budgets: HashMap<&'static str, Vec<LimitArgs>>,
        }
        #[derive(Deserialize)]
        struct Withdrawn {}
        let uncounted = std::sync::OnceLock::new();
        let rate_limit_check = RateLimitCheck::nothing(now, &uncounted);
        let budgets = RateLimitTier::ALL.map(|tier| (tier.as_str(), tier.budgets(config))).into();
        let Withdrawn {} = self
            .run(&WITHDRAW, Some(&key(id)), &rate_limit_check, Withdraw { code_mac, budgets })
            .await?;
        Ok(())
    }
}

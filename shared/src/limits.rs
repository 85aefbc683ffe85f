//! Every limit on how often something may be asked: reading this enum is reading the
//! abuse policy. Attempt counts on codes are rules of the verification, not limits.
//!
//! Each is a token bucket (GCRA): `burst` at once, refilled evenly over `period`. All
//! limits of a request are checked and taken in one script call (`cache/prelude.lua`);
//! when one refuses, none is taken.

pub use crate::cache::RateLimitCheck;
use crate::config::{EnvReader, Stage};
use std::time::Duration;

/// What a limit does when Redis cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOutage {
    /// The request goes on: what it does is safe without the limit.
    FailOpen,
    /// The request is refused: it costs money.
    FailClosed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Codes sent to a number, for whoever asks.
    PhonePerMinute,
    PhonePerHour,
    /// The same for callers who show a token of the account: strangers who use up the
    /// common tier do not shut the owner out.
    KnownDevicePerMinute,
    KnownDevicePerHour,
    /// Codes to a number of `TEST_PHONE_NUMBERS`, which are never sent.
    TestPerMinute,
    TestPerHour,
    /// SMS to one country, and over all: what fraud may cost.
    SmsPerCountry,
    SmsGlobal,
    /// Codes asked for from one address.
    SendPerAddress,
    /// Requests to any other public route from one address.
    PublicPerAddress,
    /// Requests to bearer routes by one account.
    BearerPerAccount,
    /// Uploads of keys by one account: each may hold 300 kB that replace the last.
    KeyUploadPerAccount,
    /// Users and devices whose bundles one account asks for, each counted: for each a share
    /// is remembered, whether there is such a one or not.
    BundlesPerAccount,
    /// One-time keys that one caller is given of one device, fetched singly. Above it the
    /// bundle still comes, without them: nobody empties a stranger's supply alone.
    OneTimeKeysPerDevice,
    /// The same where all devices of a user are fetched in one call.
    OneTimeKeysPerUser,
}

/// A limit with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub burst: u32,
    pub period: Duration,
    pub on_outage: OnOutage,
}

impl Limit {
    /// Its name in `rate_limit:{type}:{id}`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PhonePerMinute => "phone_minute",
            Self::PhonePerHour => "phone_hour",
            Self::KnownDevicePerMinute => "known_device_minute",
            Self::KnownDevicePerHour => "known_device_hour",
            Self::TestPerMinute => "test_minute",
            Self::TestPerHour => "test_hour",
            Self::SmsPerCountry => "sms_country",
            Self::SmsGlobal => "sms_global",
            Self::SendPerAddress => "send_address",
            Self::PublicPerAddress => "public_address",
            Self::BearerPerAccount => "bearer_account",
            Self::KeyUploadPerAccount => "key_upload_account",
            Self::BundlesPerAccount => "bundles_account",
            Self::OneTimeKeysPerDevice => "one_time_keys_device",
            Self::OneTimeKeysPerUser => "one_time_keys_user",
        }
    }

    #[must_use]
    pub fn rule(self, config: &LimitsConfig) -> Rule {
        const MINUTE: Duration = Duration::from_mins(1);
        const HOUR: Duration = Duration::from_hours(1);
        let (burst, period, on_outage) = match self {
            Self::PhonePerMinute | Self::KnownDevicePerMinute => {
                (config.sms_rate_limit_per_minute, MINUTE, OnOutage::FailClosed)
            }
            Self::PhonePerHour | Self::KnownDevicePerHour => {
                (config.sms_rate_limit_per_hour, HOUR, OnOutage::FailClosed)
            }
            Self::TestPerMinute => (20, MINUTE, OnOutage::FailClosed),
            Self::TestPerHour => (100, HOUR, OnOutage::FailClosed),
            Self::SmsPerCountry => (config.sms_budget_per_country, HOUR, OnOutage::FailClosed),
            Self::SmsGlobal => (config.sms_budget_global, HOUR, OnOutage::FailClosed),
            Self::SendPerAddress => (10, MINUTE, OnOutage::FailClosed),
            Self::PublicPerAddress => (60, MINUTE, OnOutage::FailOpen),
            Self::BearerPerAccount => (300, MINUTE, OnOutage::FailOpen),
            Self::KeyUploadPerAccount => (100, HOUR, OnOutage::FailOpen),
            Self::BundlesPerAccount => (1000, Duration::from_mins(10), OnOutage::FailOpen),
            Self::OneTimeKeysPerDevice | Self::OneTimeKeysPerUser => {
                let burst = config.one_time_keys_burst;
                // However many at once, one comes back every ten minutes.
                (burst, Duration::from_mins(10) * burst, OnOutage::FailClosed)
            }
        };
        Rule { burst, period, on_outage }
    }

    /// Whether its state may be told to the caller: only what counts the caller itself,
    /// never what counts a number, which a stranger could otherwise watch.
    #[must_use]
    pub const fn is_callers_own(self) -> bool {
        matches!(
            self,
            Self::SendPerAddress
                | Self::PublicPerAddress
                | Self::BearerPerAccount
                | Self::KeyUploadPerAccount
        )
    }
}

/// What is left of a limit after a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    pub limit: u32,
    pub remaining: u32,
    /// Until the bucket is full again.
    pub reset: Duration,
}

/// The limits' numbers.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    pub enabled: bool,
    sms_rate_limit_per_minute: u32,
    sms_rate_limit_per_hour: u32,
    sms_budget_per_country: u32,
    sms_budget_global: u32,
    one_time_keys_burst: u32,
}

impl LimitsConfig {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let enabled = env.flag("RATE_LIMITS", true);
        stage.require_in_prod(env, enabled, "RATE_LIMITS", "must be on in production");
        Self {
            enabled,
            sms_rate_limit_per_minute: env.number("SMS_RATE_LIMIT_PER_MINUTE", 5, 1, 1000),
            sms_rate_limit_per_hour: env.number("SMS_RATE_LIMIT_PER_HOUR", 20, 1, 10_000),
            sms_budget_per_country: env.number("SMS_BUDGET_PER_COUNTRY", 1000, 1, 1_000_000),
            sms_budget_global: env.number("SMS_BUDGET_GLOBAL", 5000, 1, 1_000_000),
            one_time_keys_burst: env.number("ONE_TIME_KEYS_BURST", 10, 1, 1_000_000),
        }
    }
}

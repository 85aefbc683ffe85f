//! Which limits count the codes of a verification.

use serde::Serialize;
use std::collections::HashMap;

use crate::limits::check::RecordLimitArgs;
use crate::limits::policy::{Counts, Limit, LimitsConfig};

/// Which limits count a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitTier {
    /// The limits that all callers share.
    Default,
    /// The limits of callers with a token of the account.
    KnownDevice,
    /// The limits of a test number, to which nothing is sent.
    Test,
}

impl RateLimitTier {
    const ALL: [Self; 3] = [Self::Default, Self::KnownDevice, Self::Test];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "phone",
            Self::KnownDevice => "known_device",
            Self::Test => "test",
        }
    }

    pub(super) fn from_stored(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == stored)
    }

    /// The limits that count one more code.
    const fn limits(self) -> &'static [Limit] {
        match self {
            Self::Default => &[
                Limit::PhonePerMinute,
                Limit::PhonePerHour,
                Limit::SmsPerCountry,
                Limit::SmsGlobal,
            ],
            // Strangers who use up the budget of a country do not block account owners.
            Self::KnownDevice => {
                &[Limit::KnownDevicePerMinute, Limit::KnownDevicePerHour, Limit::SmsGlobal]
            }
            Self::Test => &[Limit::TestPerMinute, Limit::TestPerHour],
        }
    }

    /// The same with the id that each counts.
    pub(super) fn limits_of<'r>(
        self,
        phone_key: &'r str,
        country: &'r str,
    ) -> Vec<(Limit, &'r str)> {
        let id = |limit: Limit| match limit.counts() {
            Counts::Phone => phone_key,
            Counts::SmsCountry => country,
            Counts::AllSms | Counts::Address | Counts::Account | Counts::CallerAndTarget => ALL_SMS,
        };
        self.limits().iter().map(|limit| (*limit, id(*limit))).collect()
    }

    /// The limits of each tier, for a script that reads the tier from the record.
    pub(super) fn all_limits(config: &LimitsConfig) -> LimitsByTier {
        LimitsByTier::new(config, |_| true)
    }

    /// The budgets of each tier: what an SMS costs, and gives back if it was not sent.
    pub(super) fn all_budgets(config: &LimitsConfig) -> LimitsByTier {
        LimitsByTier::new(config, Limit::is_sms_budget)
    }
}

/// The limits of each tier, by its stored name.
#[derive(Serialize)]
pub(super) struct LimitsByTier(HashMap<&'static str, Vec<RecordLimitArgs>>);

impl LimitsByTier {
    /// Empty lists if limits are off.
    fn new(config: &LimitsConfig, is_included: impl Fn(Limit) -> bool) -> Self {
        let of_tier = |tier: RateLimitTier| {
            let limits = if config.enabled { tier.limits() } else { &[] };
            let included = limits.iter().copied().filter(|limit| is_included(*limit));
            included.map(|limit| RecordLimitArgs::new(config, limit, field(limit))).collect()
        };
        Self(RateLimitTier::ALL.map(|tier| (tier.as_str(), of_tier(tier))).into())
    }
}

/// What a limit of a tier counts: a field of the record, or all SMS. No record has a field
/// of that name, so the script takes the name itself as the id of the bucket.
const fn field(limit: Limit) -> &'static str {
    match limit.counts() {
        Counts::Phone => "phone_key",
        Counts::SmsCountry => "country",
        Counts::AllSms | Counts::Address | Counts::Account | Counts::CallerAndTarget => ALL_SMS,
    }
}

const ALL_SMS: &str = "all";

//! Which limits count the codes of a verification.

use domain::phone::PhoneSlot;

use crate::cache::sms_budgets::Budgets;
use crate::limits::check::{LimitArgs, hash_tag};
use crate::limits::policy::{Limit, LimitsConfig};

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

/// Where the codes of a verification go, and who pays for them.
#[derive(Clone, Debug)]
pub struct SmsTarget {
    pub tier: RateLimitTier,
    /// The country whose budget the SMS uses.
    pub country: String,
    /// The keyed digest of the number's block.
    pub block: String,
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

    /// The limits of one number.
    const fn phone_limits(self) -> [Limit; 2] {
        match self {
            Self::Default => [Limit::PhonePerMinute, Limit::PhonePerHour],
            Self::KnownDevice => [Limit::KnownDevicePerMinute, Limit::KnownDevicePerHour],
            Self::Test => [Limit::TestPerMinute, Limit::TestPerHour],
        }
    }

    /// The same with their keys; none if limits are off.
    pub(super) fn phone_limit_args(
        self,
        config: &LimitsConfig,
        slot: PhoneSlot,
        phone_key: &str,
    ) -> Vec<LimitArgs> {
        let id = format!("{}:{phone_key}", hash_tag(slot));
        let limits = self.phone_limits().into_iter().filter(|_| config.enabled);
        limits.map(|limit| LimitArgs::new(config, limit, &id)).collect()
    }
}

impl SmsTarget {
    /// What a code to this target takes of the budgets; nothing if limits are off.
    pub(super) fn budgets(&self, config: &LimitsConfig) -> Budgets<'_> {
        // Strangers who use up the budget of a country do not block account owners.
        let uses_country = config.enabled && self.tier == RateLimitTier::Default;
        let is_sent = config.enabled && self.tier != RateLimitTier::Test;
        let budget = |limit, tag: &str| LimitArgs::new(config, limit, &hash_tag(tag));
        Budgets {
            country_limit: uses_country.then(|| budget(Limit::SmsPerCountry, &self.country)),
            global_limit: is_sent.then(|| budget(Limit::SmsGlobal, "all")),
            has_breaker: uses_country,
            country: &self.country,
            block: &self.block,
        }
    }
}

//! Which limits count the codes of a verification.

use domain::phone::PhoneSlot;

use crate::cache::sms_budgets::{Budgets, SmsSource};
use crate::limits::check::{LimitArgs, hash_tag};
use crate::limits::policy::{Limit, LimitsConfig};

/// Which limits count a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitTier {
    /// The limits that all callers share.
    Default,
    /// The limits of callers with a token of the account, apart for each of its devices.
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

    /// What one network may take of them. A known device needs no such limit.
    fn prefix_limit(self) -> Option<Limit> {
        (self == Self::Default).then_some(Limit::PhonePerPrefix)
    }

    /// The same with their keys; none if limits are off.
    pub(super) fn phone_limit_args(
        self,
        config: &LimitsConfig,
        slot: PhoneSlot,
        phone_key: &str,
        prefix: &str,
    ) -> Vec<LimitArgs> {
        if !config.enabled {
            return Vec::new();
        }
        let id = format!("{}:{phone_key}", hash_tag(slot));
        let of_prefix = self
            .prefix_limit()
            .map(|limit| LimitArgs::new(config, limit, &format!("{id}:{prefix}")));
        let of_phone = self.phone_limits().map(|limit| LimitArgs::new(config, limit, &id));
        of_phone.into_iter().chain(of_prefix).collect()
    }
}

impl SmsTarget {
    /// What a code to this target takes of the budgets; nothing if it is not sent, or if limits
    /// are off.
    pub(super) fn budgets<'a>(
        &'a self,
        config: &LimitsConfig,
        phone_key: &str,
        source: &'a SmsSource,
    ) -> Option<Budgets<'a>> {
        if !config.enabled || self.tier == RateLimitTier::Test {
            return None;
        }
        let number = phone_key.split('.').next().unwrap_or_default();
        let is_known = self.tier == RateLimitTier::KnownDevice;
        Some(Budgets::new(config, &self.country, &self.block, number, source, is_known))
    }
}

//! The limits and quotas of one request, in the form that the scripts take.

use domain::time::Timestamp;
use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Duration;
use uuid::Uuid;

use super::policy::{Limit, LimitsConfig, OnOutage};

/// What is left of a limit after a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    pub limit: u32,
    pub remaining: u32,
    /// Until the bucket is full again.
    pub reset: Duration,
}

/// A limit of a request, with the key of its bucket.
#[derive(Clone, Debug)]
pub(crate) struct LimitArgs {
    pub key: String,
    pub limit: Limit,
    /// Milliseconds in which one token comes back.
    pub interval: u64,
    pub burst: u32,
    /// How many tokens the request takes.
    pub cost: usize,
    /// Whether the response headers show what is left.
    pub shown: bool,
    on_outage: OnOutage,
}

impl LimitArgs {
    /// `id` is what the limit counts, with its hash tag: `{tag}` or `{tag}:rest`. Keys with
    /// the same tag are on the same node of a cluster.
    pub(crate) fn new(config: &LimitsConfig, limit: Limit, id: &str) -> Self {
        let (rule, name) = (config.rule(limit), limit.name());
        Self {
            key: format!("rate_limit:{name}:{id}"),
            limit,
            interval: rule.interval_millis(),
            burst: rule.burst,
            cost: 1,
            shown: limit.is_shown_in_headers(),
            on_outage: rule.on_outage,
        }
    }

    /// A limit that allows `times` as much, and is not shown.
    fn wider(config: &LimitsConfig, limit: Limit, id: &str, times: u32) -> Self {
        let args = Self::new(config, limit, id);
        Self {
            burst: args.burst.saturating_mul(times),
            interval: (args.interval / u64::from(times.max(1))).max(1),
            shown: args.shown && times == 1,
            ..args
        }
    }

    /// What is left if the bucket is full again at this time.
    pub(crate) fn status(&self, now: Timestamp, full_at: i64) -> RateLimitStatus {
        let missing = u64::try_from(full_at - now.millis()).unwrap_or(0);
        let taken = u32::try_from(missing.div_ceil(self.interval)).unwrap_or(u32::MAX);
        RateLimitStatus {
            limit: self.burst,
            remaining: self.burst.saturating_sub(taken),
            reset: Duration::from_millis(missing),
        }
    }
}

/// What counts a request: its limits and quotas, and where the caller's status goes.
pub struct RateLimitCheck<'a> {
    now: Timestamp,
    limits: Vec<LimitArgs>,
    quotas: Vec<LimitArgs>,
    session: Option<LimitArgs>,
    status: &'a OnceLock<RateLimitStatus>,
}

impl<'a> RateLimitCheck<'a> {
    /// Counts a request in each of these limits, by the id given with it. `status` receives
    /// what is left of the limit that the response headers show.
    #[must_use]
    pub fn new(
        config: &LimitsConfig,
        now: Timestamp,
        limits: &[(Limit, &str)],
        status: &'a OnceLock<RateLimitStatus>,
    ) -> Self {
        let limits = if config.enabled { limits } else { &[] };
        let limits = limits.iter().map(|(limit, id)| LimitArgs::new(config, *limit, &hash_tag(id)));
        Self { now, limits: limits.collect(), quotas: Vec::new(), session: None, status }
    }

    /// Adds a limit from which the request takes `cost` tokens.
    #[must_use]
    pub fn with_cost(mut self, config: &LimitsConfig, limit: Limit, id: &str, cost: usize) -> Self {
        if config.enabled && cost > 0 {
            let limit = LimitArgs::new(config, limit, &hash_tag(id));
            self.limits.push(LimitArgs { cost, ..limit });
        }
        self
    }

    /// Adds a limit that counts wider networks of a client too: each of these ids, with how
    /// many times the limit it may take. All ids have the same hash tag.
    #[must_use]
    pub fn with_networks(
        mut self,
        config: &LimitsConfig,
        limit: Limit,
        networks: &[(String, u32)],
    ) -> Self {
        if config.enabled {
            let args =
                networks.iter().map(|(id, times)| LimitArgs::wider(config, limit, id, *times));
            self.limits.extend(args);
        }
        self
    }

    /// Adds the limit that counts the request in place of all others, if Redis does not know
    /// the session of this account to be alive.
    #[must_use]
    pub fn with_session(self, config: &LimitsConfig, account: &str, session: impl Display) -> Self {
        let id = format!("{}:{session}", hash_tag(account));
        let limit = config.enabled.then(|| LimitArgs::new(config, Limit::BearerPerSession, &id));
        Self { session: limit, ..self }
    }

    /// Adds quotas of a caller, each with its target. The request takes one token of each. A
    /// quota that is used up does not refuse the request. Quotas stay on if limits are off.
    #[must_use]
    pub fn with_quotas(
        self,
        config: &LimitsConfig,
        caller: &str,
        quotas: &[(Limit, Uuid)],
    ) -> Self {
        let quotas = quotas.iter().map(|(limit, target)| {
            LimitArgs::new(config, *limit, &format!("{}:{target}", hash_tag(caller)))
        });
        Self { quotas: quotas.collect(), ..self }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn limits(&self) -> &[LimitArgs] {
        &self.limits
    }

    pub(crate) fn quotas(&self) -> &[LimitArgs] {
        &self.quotas
    }

    pub(crate) fn session(&self) -> Option<&LimitArgs> {
        self.session.as_ref()
    }

    /// Whether the request continues if Redis cannot count it: only if all its limits allow
    /// that.
    pub(crate) fn fails_open(&self) -> bool {
        self.limits.iter().all(|limit| limit.on_outage == OnOutage::FailOpen)
    }

    /// Keeps the caller's status. The first one of a request stays.
    pub(crate) fn set_status(&self, status: RateLimitStatus) {
        let _ = self.status.set(status);
    }
}

/// The hash tag of a key in Redis: keys with the same tag are on the same node of a cluster.
pub(crate) fn hash_tag(id: impl Display) -> String {
    format!("{{{id}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn keys(limits: &[LimitArgs]) -> Vec<&str> {
        limits.iter().map(|limit| limit.key.as_str()).collect()
    }

    fn check<'a>(
        config: &LimitsConfig,
        limits: &[(Limit, &str)],
        status: &'a OnceLock<RateLimitStatus>,
    ) -> RateLimitCheck<'a> {
        RateLimitCheck::new(config, NOW, limits, status)
    }

    #[test]
    fn a_check_fails_open_only_if_all_its_limits_do() {
        let (config, status) = (LimitsConfig::default(), OnceLock::new());
        let open = (Limit::PublicPerAddress, "a");
        let closed = (Limit::SendPerAddress, "a");
        assert!(check(&config, &[open], &status).fails_open());
        assert!(!check(&config, &[open, closed], &status).fails_open());
    }

    #[test]
    fn quotas_stay_when_limits_are_off() {
        let mut config = LimitsConfig::default();
        config.enabled = false;
        let status = OnceLock::new();
        let quotas = [(Limit::OneTimeKeysPerDevice, Uuid::nil())];
        let check = check(&config, &[(Limit::BearerPerAccount, "a")], &status)
            .with_cost(&config, Limit::BundlesPerAccount, "a", 3)
            .with_session(&config, "a", "s")
            .with_networks(&config, Limit::SendPerAddress, &[("{a}".to_owned(), 1)])
            .with_quotas(&config, "a", &quotas);
        assert!(check.limits().is_empty() && check.session().is_none());
        let expected = format!("rate_limit:one_time_keys_device:{{a}}:{}", Uuid::nil());
        assert_eq!(keys(check.quotas()), [expected]);
    }

    #[test]
    fn a_request_without_targets_costs_nothing() {
        let (config, status) = (LimitsConfig::default(), OnceLock::new());
        let check = check(&config, &[(Limit::BearerPerAccount, "a")], &status);
        let check = check.with_cost(&config, Limit::BundlesPerAccount, "a", 0);
        assert_eq!(keys(check.limits()), ["rate_limit:bearer_account:{a}"]);
    }

    #[test]
    fn what_is_left_is_rounded_down() {
        let limit = LimitArgs::new(&LimitsConfig::default(), Limit::SendPerAddress, "{a}");
        for (missing, remaining) in [(-1, 10), (0, 10), (1, 9), (6000, 9), (6001, 8), (60_001, 0)] {
            let status = limit.status(NOW, missing);
            assert_eq!((status.limit, status.remaining), (10, remaining), "{missing}");
        }
    }
}

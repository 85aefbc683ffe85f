//! The limits and quotas of one request, in the form that the scripts take.

use domain::time::Timestamp;
use serde::Serialize;
use std::sync::OnceLock;
use std::time::Duration;

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
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LimitArgs {
    key: String,
    name: &'static str,
    /// Milliseconds in which one token comes back.
    interval: u64,
    burst: u32,
    /// Whether the reply reports what is left.
    shown: bool,
    /// How many tokens the request takes; one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<usize>,
    #[serde(skip)]
    on_outage: OnOutage,
}

impl LimitArgs {
    fn new(config: &LimitsConfig, limit: Limit, id: &str) -> Self {
        let (rule, name) = (config.rule(limit), limit.name());
        Self {
            key: format!("rate_limit:{name}:{id}"),
            name,
            interval: rule.interval_millis(),
            burst: rule.burst,
            shown: limit.is_shown_in_headers(),
            cost: None,
            on_outage: rule.on_outage,
        }
    }

    /// None if limits are off.
    fn all<'i>(
        config: &'i LimitsConfig,
        limits: &'i [(Limit, &str)],
    ) -> impl Iterator<Item = Self> + 'i {
        let limits = if config.enabled { limits } else { &[] };
        limits.iter().map(|(limit, id)| Self::new(config, *limit, id))
    }
}

/// A limit whose bucket the script finds by a field of the record that it reads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RecordLimitArgs {
    field: &'static str,
    name: &'static str,
    /// Milliseconds in which one token comes back.
    interval: u64,
    burst: u32,
}

impl RecordLimitArgs {
    pub(crate) fn new(config: &LimitsConfig, limit: Limit, field: &'static str) -> Self {
        let rule = config.rule(limit);
        Self { field, name: limit.name(), interval: rule.interval_millis(), burst: rule.burst }
    }
}

/// What counts a request: its limits and quotas, and where the caller's status goes.
pub struct RateLimitCheck<'a> {
    now: Timestamp,
    limits: Vec<LimitArgs>,
    quotas: Vec<LimitArgs>,
    status: Option<&'a OnceLock<RateLimitStatus>>,
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
        Self {
            now,
            limits: LimitArgs::all(config, limits).collect(),
            quotas: Vec::new(),
            status: Some(status),
        }
    }

    /// Counts nothing.
    pub(crate) fn none(now: Timestamp) -> Self {
        Self { now, limits: Vec::new(), quotas: Vec::new(), status: None }
    }

    /// Adds a limit from which the request takes `cost` tokens.
    #[must_use]
    pub fn with_cost(mut self, config: &LimitsConfig, limit: Limit, id: &str, cost: usize) -> Self {
        if config.enabled && cost > 0 {
            let limit = LimitArgs::new(config, limit, id);
            self.limits.push(LimitArgs { cost: Some(cost), ..limit });
        }
        self
    }

    /// Adds quotas. The request takes one token of each. A quota that is used up does not
    /// refuse the request. Quotas stay on if limits are off.
    #[must_use]
    pub fn with_quotas(self, config: &LimitsConfig, quotas: &[(Limit, String)]) -> Self {
        let quotas = quotas.iter().map(|(limit, id)| LimitArgs::new(config, *limit, id));
        Self { quotas: quotas.collect(), ..self }
    }

    /// A copy without quotas that counts in more limits.
    pub(crate) fn with_limits(&self, config: &LimitsConfig, more: &[(Limit, &str)]) -> Self {
        let limits = self.limits.iter().cloned().chain(LimitArgs::all(config, more)).collect();
        Self { now: self.now, limits, quotas: Vec::new(), status: self.status }
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

    /// Whether the request continues if Redis cannot count it: only if all its limits allow
    /// that.
    pub(crate) fn fails_open(&self) -> bool {
        self.limits.iter().all(|limit| limit.on_outage == OnOutage::FailOpen)
    }

    /// Keeps the caller's status. The first one of a request stays.
    pub(crate) fn set_status(&self, status: RateLimitStatus) {
        if let Some(cell) = self.status {
            let _ = cell.set(status);
        }
    }
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
        assert!(!check(&config, &[open], &status).with_limits(&config, &[closed]).fails_open());
    }

    #[test]
    fn quotas_stay_when_limits_are_off() {
        let mut config = LimitsConfig::default();
        config.enabled = false;
        let status = OnceLock::new();
        let quotas = [(Limit::OneTimeKeysPerDevice, "a:b".to_owned())];
        let check = check(&config, &[(Limit::BearerPerAccount, "a")], &status)
            .with_cost(&config, Limit::BundlesPerAccount, "a", 3)
            .with_quotas(&config, &quotas)
            .with_limits(&config, &[(Limit::SmsGlobal, "all")])
            .with_quotas(&config, &quotas);
        assert!(check.limits().is_empty());
        assert_eq!(keys(check.quotas()), ["rate_limit:one_time_keys_device:a:b"]);
    }

    #[test]
    fn a_request_without_targets_costs_nothing() {
        let (config, status) = (LimitsConfig::default(), OnceLock::new());
        let check = check(&config, &[(Limit::BearerPerAccount, "a")], &status);
        let check = check.with_cost(&config, Limit::BundlesPerAccount, "a", 0);
        assert_eq!(keys(check.limits()), ["rate_limit:bearer_account:a"]);
    }

    #[test]
    fn the_scripts_get_only_what_they_read() {
        let config = LimitsConfig::default();
        let limit = LimitArgs::new(&config, Limit::SendPerAddress, "a");
        let json = serde_json::to_value(limit).unwrap();
        let expected = serde_json::json!({
            "key": "rate_limit:send_address:a", "name": "send_address", "interval": 6000,
            "burst": 10, "shown": true,
        });
        assert_eq!(json, expected);
    }
}

//! Every rate limit, one line each: the table below is the abuse policy. The number of wrong
//! codes per verification is a rule of the verification, in `domain`.
//!
//! Each limit is a token bucket (GCRA): `burst` requests at once, refilled evenly over
//! `period`. The budgets of SMS are sliding windows: at most `burst` in any `period`. One script call checks and takes all limits of a request
//! (`cache/rate_limits/limits.lua`). If one refuses, none is taken.

use std::sync::LazyLock;
use std::time::Duration;

use super::country_budgets::CountryBudgets;
use crate::config::env::EnvReader;
use crate::config::stage::Stage;

const MINUTE: Duration = Duration::from_mins(1);
const TEN_MINUTES: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
/// One one-time key comes back in this time, whatever the burst is.
const ONE_TIME_KEY_REFILL: Duration = TEN_MINUTES;
/// The refill of the default burst of ten one-time keys.
const TEN_KEY_REFILLS: Duration = Duration::from_mins(100);

/// What happens to a request if Redis cannot count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOutage {
    /// The request continues: its operation is safe without the limit.
    FailOpen,
    /// The request is refused: its operation costs money or uses up keys.
    FailClosed,
}

/// What a limit has one bucket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Each phone number.
    Phone,
    /// Each known device of a phone number.
    KnownDevice,
    /// Each country that SMS go to: a budget.
    SmsCountry,
    /// All SMS: a budget.
    AllSms,
    /// Each client address; for IPv6 each /64 network (and, for codes, wider ones).
    Address,
    /// Each account.
    Account,
    /// Each session.
    Session,
    /// Each pair of caller and target (a device or a user).
    CallerAndTarget,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Phone => "each phone number",
            Self::KnownDevice => "each known device of a phone number",
            Self::SmsCountry => "SMS to each country",
            Self::AllSms => "all SMS",
            Self::Address => "each address (IPv6: each /64)",
            Self::Account => "each account",
            Self::Session => "each session",
            Self::CallerAndTarget => "each caller with each target; a quota",
        })
    }
}

/// Whether the `RateLimit-*` headers may show what is left. Only a limit that counts the
/// caller may be shown. A limit of a phone number would let a stranger observe that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InHeaders {
    Shown,
    Hidden,
}

/// One line of the policy.
struct Policy {
    name: &'static str,
    counts: Counts,
    headers: InHeaders,
    rule: Rule,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $limit:ident = $name:literal, $burst:literal / $period:ident,
        $counts:ident, $on_outage:ident, $headers:ident;)+) => {
        /// A rate limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Limit {
            $($(#[$doc])* $limit,)+
        }

        impl Limit {
            /// All limits, in the order of their declaration.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$limit),+];

            const fn policy(self) -> Policy {
                match self {
                    $(Self::$limit => Policy {
                        name: $name,
                        counts: Counts::$counts,
                        headers: InHeaders::$headers,
                        rule: Rule {
                            burst: $burst,
                            period: $period,
                            on_outage: OnOutage::$on_outage,
                        },
                    },)+
                }
            }
        }
    };
}

limits! {
    // limit = name, default burst / period, what it counts, if Redis is down, in headers
    //
    /// Codes sent to a number, for callers without a token of its account.
    PhonePerMinute = "phone_minute", 5 / MINUTE, Phone, FailClosed, Hidden;
    PhonePerHour = "phone_hour", 20 / HOUR, Phone, FailClosed, Hidden;
    /// Codes sent to a number, for callers with a token of its account. Strangers who use up
    /// the default tier do not block the owner.
    KnownDevicePerMinute = "known_device_minute", 5 / MINUTE, KnownDevice, FailClosed, Hidden;
    KnownDevicePerHour = "known_device_hour", 20 / HOUR, KnownDevice, FailClosed, Hidden;
    /// Codes that one network (IPv4 /24, IPv6 /48) requests for a number, so that it leaves some to
    /// others.
    PhonePerPrefix = "phone_prefix", 5 / HOUR, Phone, FailClosed, Hidden;
    /// Codes that a known device gets for a number while SMS to the country are paused.
    KnownDeviceInPause = "known_device_pause", 1 / HOUR, KnownDevice, FailClosed, Hidden;
    /// Codes for a number of `TEST_PHONE_NUMBERS`, which are never sent.
    TestPerMinute = "test_minute", 20 / MINUTE, Phone, FailClosed, Hidden;
    TestPerHour = "test_hour", 100 / HOUR, Phone, FailClosed, Hidden;
    /// SMS to one country: what fraud may cost there. A budget slides: no hour has more. Callers
    /// without a token of an account may use four fifths of it.
    SmsPerCountry = "sms_country", 750 / HOUR, SmsCountry, FailClosed, Hidden;
    /// SMS to all countries: what fraud may cost in total. Callers without a token of an account
    /// may use four fifths of it, and two fifths beyond the share of their country.
    SmsGlobal = "sms_global", 5000 / HOUR, AllSms, FailClosed, Hidden;
    /// Requests for a code. Of IPv6, each /56 has twice as much and each /48 four times as
    /// much: whoever rents one has thousands of /64.
    SendPerAddress = "send_address", 10 / MINUTE, Address, FailClosed, Shown;
    /// Requests to all other public routes, and requests that need a token and show no valid
    /// one. A campus or a carrier shares one address.
    PublicPerAddress = "public_address", 300 / MINUTE, Address, FailOpen, Shown;
    /// Links for a QR log-in. Each may hold keys of 40 kB for two minutes.
    QrLinkPerAddress = "qr_link_address", 30 / MINUTE, Address, FailClosed, Shown;
    /// Refreshes with a valid token. The address is not counted.
    RefreshPerSession = "refresh_session", 30 / MINUTE, Session, FailOpen, Hidden;
    /// Requests to bearer routes.
    BearerPerAccount = "bearer_account", 300 / MINUTE, Account, FailOpen, Shown;
    /// Requests to bearer routes by a session that Redis does not know to be alive. A token of
    /// an ended session therefore spends nothing of its account. No lower than the limit of
    /// accounts: a live session is counted here too, until Redis knows it.
    BearerPerSession = "bearer_session", 300 / MINUTE, Session, FailOpen, Hidden;
    /// Challenges for a QR log-in. Each may come to hold keys of 500 kB for five minutes.
    QrChallengePerAccount = "qr_challenge_account", 10 / MINUTE, Account, FailClosed, Shown;
    /// Uploads of keys. Each may hold 300 kB that replace the last upload.
    KeyUploadPerAccount = "key_upload_account", 100 / HOUR, Account, FailOpen, Shown;
    /// Users and devices whose bundles are requested. Each costs one, because Redis keeps a
    /// quota for each, whether it exists or not.
    BundlesPerAccount = "bundles_account", 1000 / TEN_MINUTES, Account, FailOpen, Hidden;
    /// A quota: one-time keys of one device, fetched alone. If it is used up, the bundle
    /// comes without a one-time key, so that no single caller empties the supply.
    OneTimeKeysPerDevice = "one_time_keys_device", 10 / TEN_KEY_REFILLS,
        CallerAndTarget, FailClosed, Hidden;
    /// A quota: one-time keys of one user, all devices fetched in one call.
    OneTimeKeysPerUser = "one_time_keys_user", 10 / TEN_KEY_REFILLS,
        CallerAndTarget, FailClosed, Hidden;
}

/// Who may use how much of an SMS budget, in percent. So nobody buys the silence of a country
/// for less than its budget costs.
pub struct SmsShares;

impl SmsShares {
    /// Callers without a token of an account. The rest is for known devices.
    pub const DEFAULT_TIER: u32 = 80;
    /// The same, of the budget of all, for what is beyond the share of the country. The rest is
    /// for the shares.
    pub const BEYOND_COUNTRY_SHARE: u32 = 40;
    /// One country, of the budget of all, unless its budget is set.
    pub const ONE_COUNTRY: u32 = 15;
    /// The least share of a country, in codes that are not confirmed. It is more if more codes
    /// were confirmed in the same hour a week ago.
    pub const MIN_COUNTRY_SHARE: u32 = 20;

    /// A share of a budget, rounded up, so that the smallest budget is not nothing.
    #[must_use]
    pub fn of(budget: u32, percent: u32) -> u32 {
        let share = (u64::from(budget) * u64::from(percent)).div_ceil(100);
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

/// The numbers of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Requests that are allowed at once.
    pub burst: u32,
    /// The time in which an empty bucket is full again.
    pub period: Duration,
    pub on_outage: OnOutage,
}

impl Rule {
    pub(crate) fn period_millis(self) -> u64 {
        u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds in which one token comes back; one millisecond is the shortest.
    pub(crate) fn interval_millis(self) -> u64 {
        (self.period_millis() / u64::from(self.burst)).max(1)
    }
}

impl Limit {
    /// The name in Redis keys: `rate_limit:{name}:{id}`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.policy().name
    }

    /// The variable that overrides burst and period: `RATE_LIMIT_<NAME>`.
    #[must_use]
    pub fn variable(self) -> &'static str {
        static VARIABLES: LazyLock<[String; Limit::ALL.len()]> = LazyLock::new(|| {
            Limit::ALL.map(|limit| format!("RATE_LIMIT_{}", limit.name().to_ascii_uppercase()))
        });
        &VARIABLES[self as usize]
    }

    /// The rule without any variable set.
    #[must_use]
    pub const fn default_rule(self) -> Rule {
        self.policy().rule
    }

    #[must_use]
    pub const fn counts(self) -> Counts {
        self.policy().counts
    }

    /// Whether the `RateLimit-*` headers may show what is left.
    #[must_use]
    pub const fn is_shown_in_headers(self) -> bool {
        matches!(self.policy().headers, InHeaders::Shown)
    }
}

/// The limits as configured.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// False turns all limits off, for load tests. Quotas of one-time keys stay on.
    pub enabled: bool,
    rules: [Rule; Limit::ALL.len()],
    country_budgets: CountryBudgets,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            rules: Limit::ALL.map(Limit::default_rule),
            country_budgets: CountryBudgets::default(),
        }
    }
}

impl LimitsConfig {
    const MAX_BURST: u32 = 1_000_000;
    const MAX_SECONDS: u32 = 86_400;

    /// Reads `RATE_LIMITS`, the variables that set several limits at once, and then
    /// `RATE_LIMIT_<NAME>` of each limit, which has precedence.
    pub fn read(env: &mut EnvReader<'_>, stage: Stage) -> Self {
        let enabled = env.flag("RATE_LIMITS", true);
        stage.require_in_prod(env, enabled, "RATE_LIMITS", "must be on in production");
        let mut config = Self { enabled, ..Self::default() };
        let per_minute = [Limit::PhonePerMinute, Limit::KnownDevicePerMinute];
        let per_hour = [Limit::PhonePerHour, Limit::KnownDevicePerHour];
        config.read_burst(env, "SMS_RATE_LIMIT_PER_MINUTE", 1000, &per_minute);
        config.read_burst(env, "SMS_RATE_LIMIT_PER_HOUR", 10_000, &per_hour);
        config.read_burst(env, "SMS_BUDGET_GLOBAL", Self::MAX_BURST, &[Limit::SmsGlobal]);
        let of_all = config.rule(Limit::SmsGlobal).burst;
        config.rule_mut(Limit::SmsPerCountry).burst = SmsShares::of(of_all, SmsShares::ONE_COUNTRY);
        config.country_budgets = CountryBudgets::read(env);
        if let Some(budget) = config.country_budgets.of_all_others() {
            config.rule_mut(Limit::SmsPerCountry).burst = budget;
        }
        let one_time_keys = [Limit::OneTimeKeysPerDevice, Limit::OneTimeKeysPerUser];
        config.read_burst(env, "ONE_TIME_KEYS_BURST", Self::MAX_BURST, &one_time_keys);
        for limit in one_time_keys {
            let rule = config.rule_mut(limit);
            rule.period = ONE_TIME_KEY_REFILL * rule.burst;
        }
        for limit in Limit::ALL {
            config.read_override(env, limit);
        }
        config
    }

    /// The numbers of a limit.
    #[must_use]
    pub fn rule(&self, limit: Limit) -> Rule {
        self.rules[limit as usize]
    }

    /// The budget of a country.
    #[must_use]
    pub fn country_budget(&self, region: &str) -> Rule {
        let all = self.rule(Limit::SmsPerCountry);
        Rule { burst: self.country_budgets.of(region).unwrap_or(all.burst), ..all }
    }

    fn rule_mut(&mut self, limit: Limit) -> &mut Rule {
        &mut self.rules[limit as usize]
    }

    /// Reads one burst for several limits that have the same default.
    fn read_burst(
        &mut self,
        env: &mut EnvReader<'_>,
        variable: &'static str,
        max: u32,
        limits: &[Limit],
    ) {
        let Some(default) = limits.first().map(|limit| self.rule(*limit).burst) else { return };
        let burst = env.number(variable, default, 1, max);
        for limit in limits {
            self.rule_mut(*limit).burst = burst;
        }
    }

    /// Reads `RATE_LIMIT_<NAME>`.
    fn read_override(&mut self, env: &mut EnvReader<'_>, limit: Limit) {
        let Some(value) = env.optional(limit.variable()) else { return };
        match Self::parse_override(&value) {
            Some((burst, period)) => {
                let rule = self.rule_mut(limit);
                (rule.burst, rule.period) = (burst, period);
            }
            None => env
                .error(limit.variable(), "must be <burst>/<seconds>, 1 to 1000000 and 1 to 86400"),
        }
    }

    /// `<burst>/<seconds>`, both in their range.
    fn parse_override(value: &str) -> Option<(u32, Duration)> {
        let in_range =
            |text: &str, max| text.parse::<u32>().ok().filter(|number| (1..=max).contains(number));
        let (burst, seconds) = value.split_once('/')?;
        let burst = in_range(burst, Self::MAX_BURST)?;
        let seconds = in_range(seconds, Self::MAX_SECONDS)?;
        Some((burst, Duration::from_secs(u64::from(seconds))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::env::Environment;
    use std::collections::{HashMap, HashSet};
    use std::sync::Arc;

    fn read(variables: &[(&str, &str)]) -> (LimitsConfig, Vec<&'static str>) {
        let variables: HashMap<String, String> =
            variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let lookup = Arc::new(move |name: &str| variables.get(name).cloned());
        let environment = Environment::without_secrets(lookup);
        let mut env = environment.reader();
        let config = LimitsConfig::read(&mut env, Stage::Local);
        let errors = env.finish(Some(())).err().map(|errors| errors.0).unwrap_or_default();
        (config, errors.into_iter().map(|error| error.variable).collect())
    }

    fn numbers(config: &LimitsConfig, limit: Limit) -> (u32, u64) {
        let rule = config.rule(limit);
        (rule.burst, rule.period.as_secs())
    }

    #[test]
    fn without_variables_the_policy_holds() {
        let (config, errors) = read(&[]);
        assert!(config.enabled && errors.is_empty());
        for limit in Limit::ALL {
            assert_eq!(config.rule(limit), limit.default_rule(), "{limit:?}");
        }
    }

    #[test]
    fn names_and_variables_are_unique() {
        let names: HashSet<_> = Limit::ALL.into_iter().map(Limit::name).collect();
        assert_eq!(names.len(), Limit::ALL.len());
        assert_eq!(Limit::SendPerAddress.variable(), "RATE_LIMIT_SEND_ADDRESS");
    }

    #[test]
    fn each_limit_is_set_by_its_own_variable() {
        for limit in Limit::ALL {
            let (config, errors) = read(&[(limit.variable(), "7/120")]);
            assert!(errors.is_empty());
            for other in Limit::ALL {
                let expected = if other == limit {
                    Rule { burst: 7, period: MINUTE * 2, ..limit.default_rule() }
                } else {
                    other.default_rule()
                };
                assert_eq!(config.rule(other), expected, "{limit:?} sets {other:?}");
            }
        }
    }

    #[test]
    fn the_largest_and_the_smallest_values_are_read() {
        let (config, errors) =
            read(&[("RATE_LIMIT_TEST_HOUR", "1000000/86400"), ("RATE_LIMIT_TEST_MINUTE", "1/1")]);
        assert!(errors.is_empty());
        assert_eq!(numbers(&config, Limit::TestPerHour), (1_000_000, 86_400));
        assert_eq!(numbers(&config, Limit::TestPerMinute), (1, 1));
    }

    #[test]
    fn values_out_of_range_or_form_are_errors_of_their_variable() {
        for bad in
            ["0/60", "1000001/60", "5/0", "5/86401", "5", "5/", "/60", "5/60/1", "-1/60", "5/1.5"]
        {
            let (config, errors) = read(&[("RATE_LIMIT_PHONE_MINUTE", bad)]);
            assert_eq!(errors, ["RATE_LIMIT_PHONE_MINUTE"], "{bad}");
            assert_eq!(numbers(&config, Limit::PhonePerMinute), (5, 60), "{bad}");
        }
        let (_, errors) =
            read(&[("RATE_LIMIT_SMS_GLOBAL", "many"), ("RATE_LIMIT_BEARER_ACCOUNT", "0/0")]);
        assert_eq!(errors, ["RATE_LIMIT_SMS_GLOBAL", "RATE_LIMIT_BEARER_ACCOUNT"]);
    }

    #[test]
    fn the_variables_of_several_limits_give_the_default_of_theirs() {
        let (config, errors) = read(&[
            ("SMS_RATE_LIMIT_PER_MINUTE", "2"),
            ("SMS_RATE_LIMIT_PER_HOUR", "3"),
            ("SMS_BUDGET_PER_COUNTRY", "4"),
            ("SMS_BUDGET_GLOBAL", "6"),
            ("ONE_TIME_KEYS_BURST", "20"),
            ("RATE_LIMIT_KNOWN_DEVICE_HOUR", "9/60"),
            ("RATE_LIMITS", "off"),
        ]);
        assert!(errors.is_empty() && !config.enabled);
        for (limit, expected) in [
            (Limit::PhonePerMinute, (2, 60)),
            (Limit::KnownDevicePerMinute, (2, 60)),
            (Limit::PhonePerHour, (3, 3600)),
            (Limit::KnownDevicePerHour, (9, 60)),
            (Limit::SmsPerCountry, (4, 3600)),
            (Limit::SmsGlobal, (6, 3600)),
            (Limit::OneTimeKeysPerDevice, (20, 20 * 600)),
            (Limit::OneTimeKeysPerUser, (20, 20 * 600)),
        ] {
            assert_eq!(numbers(&config, limit), expected, "{limit:?}");
        }
    }

    #[test]
    fn a_fault_of_a_shared_variable_is_named_once() {
        let (_, errors) = read(&[("SMS_RATE_LIMIT_PER_MINUTE", "0")]);
        assert_eq!(errors, ["SMS_RATE_LIMIT_PER_MINUTE"]);
    }

    #[test]
    fn one_country_may_use_fifteen_percent_unless_its_budget_is_set() {
        let budget =
            |variables: &[(&str, &str)]| read(variables).0.rule(Limit::SmsPerCountry).burst;
        assert_eq!(budget(&[]), 750);
        assert_eq!(budget(&[("SMS_BUDGET_GLOBAL", "101")]), 16);
        assert_eq!(budget(&[("SMS_BUDGET_GLOBAL", "9"), ("SMS_BUDGET_PER_COUNTRY", "9")]), 9);
        assert_eq!(budget(&[("SMS_BUDGET_GLOBAL", "9"), ("RATE_LIMIT_SMS_COUNTRY", "8/60")]), 8);
    }

    #[test]
    fn the_smallest_budget_is_not_nothing() {
        let shares = [1, 2, 5, 11, 5000].map(|budget| SmsShares::of(budget, 80));
        assert_eq!(shares, [1, 2, 4, 9, 4000]);
    }

    #[test]
    fn a_token_takes_a_millisecond_or_more() {
        let rule = |burst, period| Rule { burst, period, on_outage: OnOutage::FailOpen };
        assert_eq!(rule(5, MINUTE).interval_millis(), 12_000);
        assert_eq!(rule(1_000_000, Duration::from_secs(1)).interval_millis(), 1);
    }
}

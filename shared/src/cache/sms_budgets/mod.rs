//! The budgets of SMS: what a code costs. On a single node, the script that writes the
//! verification takes them too. In a cluster their keys are elsewhere: they are taken before,
//! and given back if the number refuses.

use domain::time::Timestamp;
use domain::verification::PausePass;
use std::sync::LazyLock;
use std::time::Duration;

use super::error::CacheError;
use super::outcome::{status, wait};
use super::script::{LIMITS, LuaScript, READ_HASH, ScriptCall};
use super::sms_breaker;
use crate::cache::round_trip::Cache;
use crate::limits::check::{LimitArgs, hash_tag};
use crate::limits::policy::{Limit, LimitsConfig, SmsShares};

static TAKE_COUNTRY: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("take_country_sms_budget", &[&lua(), include_str!("take_country.lua")])
});
static TAKE_ALL: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("take_sms_budget", &[&lua(), include_str!("take_all.lua")]));
static GIVE_BACK: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("give_back_sms_budget", &[&lua(), include_str!("give_back.lua")])
});

/// The functions of breaker and budgets, with those for limits and hashes.
pub(super) fn lua() -> String {
    let (breaker, sms) = (sms_breaker::lua(), include_str!("sms.lua"));
    let min_share = SmsShares::MIN_COUNTRY_SHARE;
    format!("{LIMITS}{READ_HASH}{breaker}local MIN_SHARE, SMS_ARGS = {min_share}, {ARGS}\n{sms}")
}

/// Who requests a code.
#[derive(Clone, Debug)]
pub struct SmsSource {
    /// The network: an IPv4 /24 or an IPv6 /48.
    pub prefix: String,
    /// The number of the network in draws.
    pub lot: u32,
    /// A random number, for a draw that begins now.
    pub draw: u32,
    pub has_solved_captcha: bool,
}

/// What one SMS takes: the breaker and the budget of its country, and the budget of all.
#[derive(Clone, Debug)]
pub(super) struct Budgets<'a> {
    country: &'a str,
    /// The digest of the number's block.
    block: &'a str,
    source: &'a SmsSource,
    pass: PausePass,
    country_period: u64,
    country_max: u32,
    all_key: String,
    all_period: u64,
    all_max: u32,
    /// The maximum for what is beyond the share of the country.
    beyond_max: u32,
    /// One code per known number and hour, in a pause.
    allowance: LimitArgs,
}

/// What was taken before the script of the number ran.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    /// How the breaker finds the send; empty if nothing was taken.
    pub send: String,
}

impl<'a> Budgets<'a> {
    /// `number` is the digest of the phone number.
    pub(super) fn new(
        config: &LimitsConfig,
        country: &'a str,
        block: &'a str,
        number: &str,
        source: &'a SmsSource,
        is_known_device: bool,
    ) -> Self {
        let (of_country, of_all) = (config.country_budget(country), config.rule(Limit::SmsGlobal));
        let share =
            |burst, percent| if is_known_device { burst } else { SmsShares::of(burst, percent) };
        let pass = match (source.has_solved_captcha, is_known_device) {
            (true, _) => PausePass::Captcha,
            (false, true) => PausePass::KnownDevice,
            (false, false) => PausePass::None,
        };
        let allowance = format!("{}:{number}", hash_tag(country));
        Self {
            country,
            block,
            source,
            pass,
            country_period: of_country.period_millis(),
            country_max: share(of_country.burst, SmsShares::DEFAULT_TIER),
            all_key: budget_key(Limit::SmsGlobal, "all"),
            all_period: of_all.period_millis(),
            all_max: share(of_all.burst, SmsShares::DEFAULT_TIER),
            beyond_max: share(of_all.burst, SmsShares::BEYOND_COUNTRY_SHARE),
            allowance: LimitArgs::new(config, Limit::KnownDeviceInPause, &allowance),
        }
    }

    /// The keys of the country.
    fn country_keys(&self) -> impl Iterator<Item = String> {
        let budget = budget_key(Limit::SmsPerCountry, self.country);
        sms_breaker::keys(self.country).into_iter().chain([budget, self.allowance.key.clone()])
    }

    fn country_args<'s>(&self, call: ScriptCall<'s>) -> ScriptCall<'s> {
        call.arg(&self.source.prefix)
            .arg(self.block)
            .arg(self.source.lot)
            .arg(self.pass.as_str())
            .arg(self.source.draw)
            .arg(self.country_period)
            .arg(self.country_max)
            .arg(self.allowance.interval)
            .arg(self.allowance.burst)
    }

    fn all_args<'s>(&self, call: ScriptCall<'s>) -> ScriptCall<'s> {
        call.arg(self.all_period).arg(self.all_max).arg(self.beyond_max)
    }

    /// All keys, for a script on a single node.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.country_keys().chain([self.all_key.clone()])
    }
}

/// How many arguments [`with_budgets`] adds, and how many keys [`Budgets::keys`] are.
pub(super) const ARGS: usize = 12;

/// Adds the arguments of budgets to the call of a script on a single node; empty ones if it
/// takes none.
pub(super) fn with_budgets<'s>(
    call: ScriptCall<'s>,
    budgets: Option<&Budgets<'_>>,
) -> ScriptCall<'s> {
    match budgets {
        Some(budgets) => budgets.all_args(budgets.country_args(call)),
        None => (0..ARGS).fold(call, |call, _| call.arg("")),
    }
}

fn budget_key(limit: Limit, tag: &str) -> String {
    format!("rate_limit:{}:{}", limit.name(), hash_tag(tag))
}

/// Which parts are given back.
#[derive(Clone, Copy)]
struct Parts {
    country: bool,
    all: bool,
}

impl Cache {
    /// In a cluster: takes the budgets at the same time, each where its keys are. If one
    /// refuses, the other is given back.
    pub(super) async fn take_budgets(
        &self,
        budgets: &Budgets<'_>,
        now: Timestamp,
    ) -> Result<Taken, CacheError> {
        let country = self.take_country_budget(budgets, now);
        match tokio::join!(country, self.take_budget_of_all(budgets, now)) {
            (Ok((taken, is_within_share)), Ok(wait_beyond)) => {
                if is_within_share || wait_beyond.is_zero() {
                    return Ok(taken);
                }
                self.give_back(budgets, &taken.send, now).await;
                Err(CacheError::SmsPaused { wait: wait_beyond })
            }
            (Ok((taken, _)), Err(error)) => {
                let parts = Parts { country: true, all: false };
                self.give_back_parts(budgets, &taken.send, parts, now).await;
                Err(error)
            }
            (Err(error), Ok(_)) => {
                let parts = Parts { country: false, all: true };
                self.give_back_parts(budgets, "", parts, now).await;
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Also returns whether the send is within the country's share of the budget of all.
    async fn take_country_budget(
        &self,
        budgets: &Budgets<'_>,
        now: Timestamp,
    ) -> Result<(Taken, bool), CacheError> {
        let call = TAKE_COUNTRY.call(now).keys(budgets.country_keys());
        let mut reply = self.run(budgets.country_args(call)).await?;
        status(&mut reply, &[], &self.metrics)?;
        let taken = Taken { send: reply.next("how a send is found")? };
        Ok((taken, reply.next("whether it is within the share")?))
    }

    /// Returns the wait for a send that is beyond the country's share.
    async fn take_budget_of_all(
        &self,
        budgets: &Budgets<'_>,
        now: Timestamp,
    ) -> Result<Duration, CacheError> {
        let call = TAKE_ALL.call(now).keys([budgets.all_key.as_str()]);
        let mut reply = self.run(budgets.all_args(call)).await?;
        status(&mut reply, &[], &self.metrics)?;
        wait(&mut reply)
    }

    /// Gives the budgets back, after a code was not sent.
    pub(super) async fn give_back(&self, budgets: &Budgets<'_>, send: &str, now: Timestamp) {
        if self.is_cluster() {
            let (country, all) =
                (Parts { country: true, all: false }, Parts { country: false, all: true });
            tokio::join!(
                self.give_back_parts(budgets, send, country, now),
                self.give_back_parts(budgets, send, all, now)
            );
        } else {
            self.give_back_parts(budgets, send, Parts { country: true, all: true }, now).await;
        }
    }

    /// Tried once: given back twice, a budget would count less than was sent. If Redis fails,
    /// what was taken counts until its time is over.
    async fn give_back_parts(
        &self,
        budgets: &Budgets<'_>,
        send: &str,
        parts: Parts,
        now: Timestamp,
    ) {
        let period = |is_part: bool, period: u64| {
            if is_part { period.to_string() } else { String::new() }
        };
        let call = GIVE_BACK
            .call(now)
            .keys(budgets.country_keys().filter(|_| parts.country))
            .keys(parts.all.then(|| budgets.all_key.clone()))
            .arg(send)
            .arg(period(parts.country, budgets.country_period))
            .arg(period(parts.all, budgets.all_period));
        if let Err(error) = self.run_once(call).await {
            tracing::warn!(error = %crate::telemetry::ErrorChain(&error), "failed to give back sms budgets");
        }
    }
}

//! The budgets of SMS: what a code costs. On a single node, the script that writes the
//! verification takes them too. In a cluster their keys are elsewhere: they are taken before,
//! and given back if the number refuses.

use domain::time::Timestamp;
use std::sync::LazyLock;

use super::error::CacheError;
use super::outcome::status;
use super::round_trip::Cache;
use super::script::{LIMITS, LuaScript, READ_HASH, Reply};
use super::sms_breaker::{self, CountedSend};
use crate::limits::check::LimitArgs;

static TAKE: LazyLock<LuaScript> = LazyLock::new(|| {
    let breaker = sms_breaker::lua();
    LuaScript::new("take_sms_budget", &[LIMITS, READ_HASH, &breaker, include_str!("take.lua")])
});
static GIVE_BACK: LazyLock<LuaScript> = LazyLock::new(|| {
    let files = [LIMITS, sms_breaker::COUNT, include_str!("give_back.lua")];
    LuaScript::new("give_back_sms_budget", &files)
});

/// What one SMS takes.
#[derive(Clone, Debug)]
pub(super) struct Budgets<'a> {
    /// The budget of the country.
    pub country_limit: Option<LimitArgs>,
    /// The budget of all SMS.
    pub global_limit: Option<LimitArgs>,
    /// Whether the breaker of the country decides.
    pub has_breaker: bool,
    pub country: &'a str,
    /// The digest of the number's block.
    pub block: &'a str,
}

impl Budgets<'_> {
    pub(super) fn limits(&self) -> impl Iterator<Item = &LimitArgs> {
        self.country_limit.iter().chain(&self.global_limit)
    }

    pub(super) fn breaker_keys(&self) -> impl Iterator<Item = String> {
        self.has_breaker.then(|| sms_breaker::keys(self.country)).into_iter().flatten()
    }

    fn of_country(&self) -> Self {
        Self { global_limit: None, ..self.clone() }
    }

    fn of_all(&self) -> Self {
        Self { country_limit: None, has_breaker: false, ..self.clone() }
    }

    fn is_empty(&self) -> bool {
        !self.has_breaker && self.limits().next().is_none()
    }
}

impl Cache {
    /// In a cluster: takes the budgets at the same time, each where its keys are. If one
    /// refuses, the other is given back.
    pub(super) async fn take_budgets(
        &self,
        budgets: &Budgets<'_>,
        now: Timestamp,
    ) -> Result<CountedSend, CacheError> {
        let (country, all) = (budgets.of_country(), budgets.of_all());
        match tokio::join!(self.take_budget(&country, now), self.take_budget(&all, now)) {
            (Ok(counted), Ok(_)) => Ok(counted),
            (Ok(counted), Err(error)) => {
                self.give_back_part(&country, &counted, now).await;
                Err(error)
            }
            (Err(error), Ok(_)) => {
                self.give_back_part(&all, &CountedSend::default(), now).await;
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    async fn take_budget(
        &self,
        budgets: &Budgets<'_>,
        now: Timestamp,
    ) -> Result<CountedSend, CacheError> {
        if budgets.is_empty() {
            return Ok(CountedSend::default());
        }
        let limits: Vec<_> = budgets.limits().map(|limit| limit.limit).collect();
        let call = TAKE
            .call(now)
            .keys(budgets.limits().map(|limit| limit.key.as_str()))
            .keys(budgets.breaker_keys())
            .arg(limits.len())
            .arg(budgets.has_breaker)
            .arg(budgets.block)
            .limits(budgets.limits());
        let mut reply = self.run(call).await?;
        status(&mut reply, &limits, &self.metrics)?;
        counted_send(&mut reply)
    }

    /// Gives the budgets back, after a code was not sent.
    pub(super) async fn give_back(
        &self,
        budgets: &Budgets<'_>,
        counted: &CountedSend,
        now: Timestamp,
    ) {
        if self.is_cluster() {
            let (country, all) = (budgets.of_country(), budgets.of_all());
            let none = CountedSend::default();
            tokio::join!(
                self.give_back_part(&country, counted, now),
                self.give_back_part(&all, &none, now)
            );
        } else {
            self.give_back_part(budgets, counted, now).await;
        }
    }

    /// Tried once: given back twice, a budget would count less than was sent. If Redis fails,
    /// the tokens come back with time.
    async fn give_back_part(&self, budgets: &Budgets<'_>, counted: &CountedSend, now: Timestamp) {
        if budgets.is_empty() {
            return;
        }
        let call = GIVE_BACK
            .call(now)
            .keys(budgets.limits().map(|limit| limit.key.as_str()))
            .keys(budgets.breaker_keys())
            .arg(budgets.limits().count())
            .arg(budgets.block)
            .arg(if budgets.has_breaker { &counted.minute } else { "" })
            .arg(&counted.probe)
            .limits(budgets.limits());
        if let Err(error) = self.run_once(call).await {
            tracing::warn!(error = %crate::telemetry::ErrorChain(&error), "failed to give back sms budgets");
        }
    }
}

/// Reads how the breaker counted a send.
pub(super) fn counted_send(reply: &mut Reply) -> Result<CountedSend, CacheError> {
    let (minute, probe) =
        (reply.next("the minute of a send")?, reply.next("whether it is a probe")?);
    Ok(CountedSend { minute, probe })
}

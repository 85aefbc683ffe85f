//! Gives a running verification a new code.

use domain::ids::{CallId, VerificationId};
use domain::time::Timestamp;
use domain::verification::{CodeLength, Purpose};
use std::sync::LazyLock;
use std::time::Duration;

use super::record::{DIGESTS, Progress, ShownDigests, constants, key, with_digests};
use super::tier::{RateLimitTier, SmsTarget};
use crate::cache::error::CacheError;
use crate::cache::outcome::{status, wait};
use crate::cache::round_trip::Cache;
use crate::cache::script::{LuaScript, Reply};
use crate::cache::sms_budgets::{self, Budgets, SmsSource, Taken, with_budgets};
use crate::limits::check::LimitArgs;
use crate::limits::policy::{Limit, LimitsConfig};

static RESEND: LazyLock<LuaScript> = LazyLock::new(|| {
    let files = [&sms_budgets::lua(), DIGESTS, &constants(), include_str!("resend.lua")];
    LuaScript::new("resend_verification", &files)
});

/// A request for another code.
#[derive(Debug)]
pub struct CodeResend<'a> {
    pub call: CallId,
    /// The device and a new code of each length, in the order of [`CodeLength::ALL`], each for
    /// register and for login, under each pepper: only the record knows which it needs.
    pub shown: &'a [ShownDigests<6>],
    pub source: SmsSource,
}

/// A new code that is stored and not yet sent.
#[derive(Debug)]
pub struct Resent {
    pub purpose: Purpose,
    /// The id of the pepper of the record.
    pub pepper: String,
    pub sealed_phone: String,
    /// Whether the number has an account: it decides the text of the message.
    pub known: bool,
    pub target: SmsTarget,
    pub progress: Progress,
}

#[derive(Debug)]
pub enum ResendOutcome {
    Resent(Resent),
    Invalid,
    TooManyAttempts,
    TooEarly { wait: Duration },
}

/// What the script answers.
enum Answer {
    /// The record may get a new code. Its limits are these of its number.
    Ready {
        target: SmsTarget,
        phone_key: String,
    },
    Done(ResendOutcome),
}

impl Cache {
    /// Replaces the code. The record says which limits count: it is read first, so that all
    /// keys are known, and its state is checked again when the code is replaced.
    pub async fn resend_verification(
        &self,
        id: &VerificationId,
        resend: &CodeResend<'_>,
        now: Timestamp,
        limits: &LimitsConfig,
    ) -> Result<ResendOutcome, CacheError> {
        let (Some(record), Some(slot)) = (key(id), id.phone_slot()) else {
            return Ok(ResendOutcome::Invalid);
        };
        let step = Step { record, resend, now, has_waits: limits.enabled };
        let (target, phone_key) = match self.resend_step(&step, None).await? {
            Answer::Ready { target, phone_key } => (target, phone_key),
            Answer::Done(outcome) => return Ok(outcome),
        };
        let prefix = &resend.source.prefix;
        let phone = target.tier.phone_limit_args(limits, slot, &phone_key, prefix);
        let budgets = target.budgets(limits, &phone_key, &resend.source);
        let is_cluster = self.is_cluster();
        let before = budgets.as_ref().filter(|_| is_cluster);
        let here = budgets.as_ref().filter(|_| !is_cluster);
        let taken = match before {
            Some(budgets) => self.take_budgets(budgets, now).await?,
            None => Taken::default(),
        };
        let limits = StepLimits { limits: phone, budgets: here, taken: taken.clone() };
        let answer = self.resend_step(&step, Some(&limits)).await;
        let is_refused = matches!(answer, Ok(Answer::Done(ref outcome))
                if !matches!(outcome, ResendOutcome::Resent(_)))
            || matches!(answer, Err(CacheError::Limited { .. }));
        if let Some(budgets) = before
            && is_refused
        {
            self.give_back(budgets, &taken.send, now).await;
        }
        let answer = answer?;
        match answer {
            Answer::Done(outcome) => Ok(outcome),
            Answer::Ready { .. } => {
                let operation = "resend_verification";
                Err(CacheError::UnexpectedData { operation, expected: "the outcome of a resend" })
            }
        }
    }

    /// Reads the record, or, with limits, replaces its code.
    async fn resend_step(
        &self,
        step: &Step<'_>,
        limits: Option<&StepLimits<'_>>,
    ) -> Result<Answer, CacheError> {
        let taken = limits.map_or(&[][..], |limits| &limits.limits);
        let budgets = limits.and_then(|limits| limits.budgets);
        let count = limits.map_or(-1, |limits| i64::try_from(limits.limits.len()).unwrap_or(-1));
        let call = RESEND
            .call(step.now)
            .keys([step.record.as_str()])
            .keys(taken.iter().map(|limit| limit.key.as_str()))
            .keys(budgets.into_iter().flat_map(Budgets::keys))
            .arg(count)
            .arg(budgets.is_some())
            .arg(step.resend.call.to_string())
            .arg(step.has_waits)
            .arg(limits.map_or("", |limits| &limits.taken.send));
        let call = with_digests(with_budgets(call, budgets).limits(taken), step.resend.shown);
        let names: Vec<Limit> = taken.iter().map(|limit| limit.limit).collect();
        let mut reply = self.run(call).await?;
        let status = status(&mut reply, &names, &self.metrics)?;
        answer(&status, &mut reply)
    }
}

/// What both runs of the script have in common.
struct Step<'a> {
    record: String,
    resend: &'a CodeResend<'a>,
    now: Timestamp,
    has_waits: bool,
}

/// What the second run takes.
struct StepLimits<'a> {
    limits: Vec<LimitArgs>,
    /// On a single node, which takes them with the code.
    budgets: Option<&'a Budgets<'a>>,
    /// In a cluster, what was taken before.
    taken: Taken,
}

fn answer(status: &str, reply: &mut Reply) -> Result<Answer, CacheError> {
    Ok(Answer::Done(match status {
        "ready" => {
            let tier = tier(reply)?;
            let phone_key = reply.next("the digest of a number")?;
            return Ok(Answer::Ready { target: target(tier, reply)?, phone_key });
        }
        "resent" => ResendOutcome::Resent(resent(reply)?),
        "invalid" => ResendOutcome::Invalid,
        "too_many_attempts" => ResendOutcome::TooManyAttempts,
        "too_early" => ResendOutcome::TooEarly { wait: wait(reply)? },
        _ => return Err(reply.unexpected("the outcome of a resend")),
    }))
}

fn tier(reply: &mut Reply) -> Result<RateLimitTier, CacheError> {
    let stored: String = reply.next("a rate limit tier")?;
    RateLimitTier::from_stored(&stored).ok_or_else(|| reply.unexpected("a rate limit tier"))
}

fn target(tier: RateLimitTier, reply: &mut Reply) -> Result<SmsTarget, CacheError> {
    Ok(SmsTarget { tier, country: reply.next("a country")?, block: reply.next("a block")? })
}

fn resent(reply: &mut Reply) -> Result<Resent, CacheError> {
    let purpose: String = reply.next("a purpose")?;
    let purpose = Purpose::from_stored(&purpose).ok_or_else(|| reply.unexpected("a purpose"))?;
    let pepper = reply.next("the id of a pepper")?;
    let sealed_phone = reply.next("an encrypted number")?;
    let known = reply.next("whether the number is known")?;
    let tier = tier(reply)?;
    let target = target(tier, reply)?;
    let code_expires_at = Timestamp::from_millis(reply.next("a time")?);
    let resend_at = Timestamp::from_millis(reply.next("a time")?);
    let attempts_left = reply.number("a number of attempts")?;
    let code_length = CodeLength::from_digits(reply.number("the length of a code")?)
        .ok_or_else(|| reply.unexpected("the length of a code"))?;
    let progress = Progress { code_length, code_expires_at, resend_at, attempts_left };
    Ok(Resent { purpose, pepper, sealed_phone, known, target, progress })
}

//! Starts a verification.

use domain::ids::VerificationId;
use domain::phone::PhoneSlot;
use domain::time::Timestamp;
use domain::verification::{
    CODE_TTL, CodeInput, CodeLength, MAX_ATTEMPTS, Purpose, RECORD_TTL, RESEND_WAITS,
};
use std::sync::LazyLock;
use std::time::Duration;

use super::record::{Progress, history, history_keys, key};
use super::tier::{RateLimitTier, SmsTarget};
use crate::cache::error::CacheError;
use crate::cache::outcome::{status, wait};
use crate::cache::round_trip::Cache;
use crate::cache::script::{LuaScript, ScriptCall};
use crate::cache::sms_budgets::{self, Budgets, SmsSource, Taken, with_budgets};
use crate::limits::check::LimitArgs;
use crate::limits::policy::LimitsConfig;

static START: LazyLock<LuaScript> = LazyLock::new(|| {
    let files = [&sms_budgets::lua(), &history(), include_str!("start.lua")];
    LuaScript::new("start_verification", &files)
});

/// A verification about to start.
#[derive(Debug)]
pub struct NewVerification {
    pub purpose: Purpose,
    pub slot: PhoneSlot,
    /// What the limits and the history of the number count: its keyed digest, for a known
    /// device with the device's id.
    pub phone_key: String,
    pub target: SmsTarget,
    pub source: SmsSource,
    /// The id of the pepper of the digests, and of the key that encrypted the number.
    pub pepper: String,
    pub sealed_phone: String,
    pub device: String,
    /// The digests of a code of each length, in the order of [`CodeLength::ALL`]: the script
    /// decides which one is sent.
    pub code_macs: [String; 2],
    pub code_input: CodeInput,
    /// Whether the number has an account: it decides the text of the message.
    pub known: bool,
    pub requires_second_factor: bool,
}

/// The result of a start.
#[derive(Debug)]
pub struct StartOutcome {
    /// A running verification; without one, how long the number is locked for this client.
    pub progress: Result<Progress, Duration>,
    /// Whether this start is the first to pass the marks of six digits.
    pub passes_marks: bool,
}

impl NewVerification {
    fn phone_limit_args(&self, limits: &LimitsConfig) -> Vec<LimitArgs> {
        let prefix = &self.source.prefix;
        self.target.tier.phone_limit_args(limits, self.slot, &self.phone_key, prefix)
    }

    /// What the history of the number is asked: nothing for a test number, or if limits are
    /// off, unless the client can only enter six digits.
    fn history_input(&self, limits: &LimitsConfig) -> &'static str {
        let is_asked = limits.enabled || self.code_input == CodeInput::Legacy;
        if self.target.tier == RateLimitTier::Test || !is_asked {
            return "";
        }
        self.code_input.as_str()
    }

    /// The fields of the record.
    fn write<'s>(
        &self,
        call: ScriptCall<'s>,
        progress: &Progress,
        ends: Timestamp,
    ) -> ScriptCall<'s> {
        let text = [
            ("purpose", self.purpose.as_str()),
            ("tier", self.target.tier.as_str()),
            ("phone_key", &self.phone_key),
            ("country", &self.target.country),
            ("block", &self.target.block),
            ("pepper", &self.pepper),
            ("phone", &self.sealed_phone),
            ("device", &self.device),
        ];
        let numbers = [
            ("code_expires_at", progress.code_expires_at.millis()),
            ("expires_at", ends.millis()),
            ("resend_at", progress.resend_at.millis()),
            ("known", self.known.into()),
            ("requires_2fa", self.requires_second_factor.into()),
            ("attempts", 0),
            ("sends", 1),
            ("verified", 0),
        ];
        let call = text.iter().fold(call, |call, (name, value)| call.arg(name).arg(value));
        numbers.iter().fold(call, |call, (name, value)| call.arg(name).arg(value))
    }
}

impl Cache {
    /// Starts a verification, if its limits and the breaker allow one more code. The id is
    /// drawn for this call, so a repeated call finds the record of the one before.
    pub async fn start_verification(
        &self,
        id: &VerificationId,
        new: &NewVerification,
        now: Timestamp,
        limits: &LimitsConfig,
    ) -> Result<StartOutcome, CacheError> {
        let resend_wait = if limits.enabled { RESEND_WAITS[0] } else { Duration::ZERO };
        let mut progress = Progress {
            code_length: CodeLength::Six,
            code_expires_at: now + CODE_TTL,
            resend_at: now + resend_wait,
            attempts_left: MAX_ATTEMPTS,
        };
        let ends = now + RECORD_TTL;
        let phone = new.phone_limit_args(limits);
        let budgets = new.target.budgets(limits, &new.phone_key, &new.source);
        // In a cluster, the keys of the budgets are elsewhere: they are taken before.
        let is_cluster = self.is_cluster();
        let before = budgets.as_ref().filter(|_| is_cluster);
        let taken = match before {
            Some(budgets) => self.take_budgets(budgets, now).await?,
            None => Taken::default(),
        };
        let here = budgets.as_ref().filter(|_| !is_cluster);
        let call = START
            .call(now)
            .keys(key(id))
            .keys(history_keys(new.slot))
            .keys(phone.iter().map(|limit| limit.key.as_str()))
            .keys(here.into_iter().flat_map(Budgets::keys))
            .arg(phone.len())
            .arg(here.is_some())
            .arg(ends.millis())
            .arg(new.history_input(limits))
            .arg(format!("{}:{}", new.target.tier.as_str(), new.phone_key))
            .arg(&new.code_macs)
            .arg(&taken.send);
        let call = with_budgets(call, here).limits(&phone);
        let mut reply = self.run(new.write(call, &progress, ends)).await?;
        let names: Vec<_> = phone.iter().map(|limit| limit.limit).collect();
        let status = status(&mut reply, &names, &self.metrics);
        if let Some(budgets) = before
            && !matches!(&status, Ok(status) if status == "ok")
        {
            self.give_back(budgets, &taken.send, now).await;
        }
        let progress = match &*status? {
            "ok" => {
                let length = CodeLength::from_digits(reply.number("the length of a code")?);
                progress.code_length =
                    length.ok_or_else(|| reply.unexpected("the length of a code"))?;
                Ok(progress)
            }
            "phone_locked" => Err(wait(&mut reply)?),
            _ => return Err(reply.unexpected("the outcome of a start")),
        };
        Ok(StartOutcome { progress, passes_marks: reply.next("whether it passes the marks")? })
    }
}

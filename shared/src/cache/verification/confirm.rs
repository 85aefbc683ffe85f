//! Confirms a verification by its code.

use domain::ids::{CallId, VerificationId};
use domain::time::Timestamp;
use domain::verification::{CodeLength, Purpose};
use std::sync::LazyLock;

use super::record::{DIGESTS, ShownDigests, history, history_keys, key, with_digests};
use crate::cache::error::CacheError;
use crate::cache::outcome::status;
use crate::cache::round_trip::Cache;
use crate::cache::script::{LuaScript, READ_HASH};
use crate::cache::sms_breaker;
use crate::sender::Receipt;
use crate::telemetry::ErrorChain;

static CONFIRM: LazyLock<LuaScript> = LazyLock::new(|| {
    let files =
        [READ_HASH, DIGESTS, &history(), &sms_breaker::count(), include_str!("confirm.lua")];
    LuaScript::new("confirm_verification", &files)
});

/// A code that a client entered.
#[derive(Debug)]
pub struct CodeAttempt<'a> {
    pub call: CallId,
    pub purpose: Purpose,
    /// The device and the code, under each pepper.
    pub shown: &'a [ShownDigests<1>],
    pub code_length: CodeLength,
}

/// The result of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum ConfirmOutcome {
    Confirmed {
        requires_2fa: bool,
        /// The country of the number, if this attempt is the one that confirmed it.
        country: Option<String>,
        /// What the sender of the code gave, in the same case.
        receipt: Option<Receipt>,
    },
    Incorrect {
        attempts_left: u32,
    },
    /// The codes of this verification have another length.
    OtherLength,
    Expired,
    Invalid,
    TooManyAttempts,
}

impl Cache {
    /// Compares a code by its digest and counts the attempt.
    pub async fn confirm_verification(
        &self,
        id: &VerificationId,
        attempt: &CodeAttempt<'_>,
        now: Timestamp,
    ) -> Result<ConfirmOutcome, CacheError> {
        let (Some(record), Some(slot)) = (key(id), id.phone_slot()) else {
            return Ok(ConfirmOutcome::Invalid);
        };
        let is_cluster = self.is_cluster();
        let call = CONFIRM
            .call(now)
            .keys([record])
            .keys(history_keys(slot))
            .arg(attempt.purpose.as_str())
            .arg(attempt.code_length.digits())
            .arg(attempt.call.to_string())
            .arg(!is_cluster);
        let call = with_digests(call, attempt.shown);
        let mut reply = self.run(call).await?;
        let status = status(&mut reply, &[], &self.metrics)?;
        Ok(match &*status {
            "confirmed" => {
                let requires_2fa = reply.next("whether a second factor is required")?;
                let country: String = reply.next("a country")?;
                let send: String = reply.next("how a send is found")?;
                let is_first = !send.is_empty();
                if is_first && is_cluster {
                    self.report(&country, &send, now).await;
                }
                let country = is_first.then_some(country);
                let receipt: String = reply.next("a receipt")?;
                let receipt = Receipt::parse(&receipt);
                ConfirmOutcome::Confirmed { requires_2fa, country, receipt }
            }
            "incorrect" => {
                ConfirmOutcome::Incorrect { attempts_left: reply.number("a number of attempts")? }
            }
            "other_length" => ConfirmOutcome::OtherLength,
            "expired" => ConfirmOutcome::Expired,
            "invalid" => ConfirmOutcome::Invalid,
            "too_many_attempts" => ConfirmOutcome::TooManyAttempts,
            _ => return Err(reply.unexpected("the outcome of an attempt")),
        })
    }

    /// Reports a right code, whose send the breaker counted. The code is confirmed even if this
    /// fails.
    async fn report(&self, country: &str, send: &str, now: Timestamp) {
        if let Err(error) = self.report_confirmed(country, send, now).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to report a right code");
        }
    }
}

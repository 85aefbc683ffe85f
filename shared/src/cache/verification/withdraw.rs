//! Withdraws a code that could not be sent.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use std::sync::LazyLock;

use super::record::{history, history_keys, key};
use super::tier::SmsTarget;
use crate::cache::error::CacheError;
use crate::cache::outcome::status;
use crate::cache::round_trip::Cache;
use crate::cache::script::{LuaScript, READ_HASH};
use crate::cache::sms_budgets::SmsSource;
use crate::limits::policy::LimitsConfig;

static WITHDRAW: LazyLock<LuaScript> = LazyLock::new(|| {
    let files = [READ_HASH, &history(), include_str!("withdraw.lua")];
    LuaScript::new("withdraw_code", &files)
});

impl Cache {
    /// Withdraws the code with this digest. If it is the first code, the verification is
    /// deleted. If it was resent, the code before it is valid again. The budgets get their
    /// tokens back, only once: if the reply is lost, they stay taken.
    pub async fn withdraw_code(
        &self,
        id: &VerificationId,
        code_mac: &str,
        (target, source): (&SmsTarget, &SmsSource),
        now: Timestamp,
        limits: &LimitsConfig,
    ) -> Result<(), CacheError> {
        let (Some(record), Some(slot)) = (key(id), id.phone_slot()) else { return Ok(()) };
        let call = WITHDRAW.call(now).keys([record]).keys(history_keys(slot)).arg(code_mac);
        let mut reply = self.run(call).await?;
        if status(&mut reply, &[], &self.metrics)? == "withdrawn" {
            let send: String = reply.next("how a send is found")?;
            if let Some(budgets) = target.budgets(limits, "", source) {
                self.give_back(&budgets, &send, now).await;
            }
        }
        Ok(())
    }
}

//! Withdraws a code that could not be sent.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

use super::record::key;
use super::tier::{LimitsByTier, RateLimitTier};
use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;
use crate::cache::script::LuaScript;
use crate::cache::sms_breaker;
use crate::limits::check::RateLimitCheck;
use crate::limits::policy::LimitsConfig;

static WITHDRAW: LazyLock<LuaScript> = LazyLock::new(|| {
    LuaScript::new("withdraw_code", &[sms_breaker::LUA, include_str!("withdraw.lua")])
});

#[derive(Serialize)]
struct Withdraw<'a> {
    code_mac: &'a str,
    budgets: LimitsByTier,
}

#[derive(Deserialize)]
struct Withdrawn {}

impl Cache {
    /// Withdraws the code with this digest. If it is the first code, the verification is
    /// deleted. If it was resent, the code before it is valid again.
    pub async fn withdraw_code(
        &self,
        id: &VerificationId,
        code_mac: &str,
        now: Timestamp,
        limits: &LimitsConfig,
    ) -> Result<(), CacheError> {
        let withdraw = Withdraw { code_mac, budgets: RateLimitTier::all_budgets(limits) };
        let check = RateLimitCheck::none(now);
        let Withdrawn {} = self.run(&WITHDRAW, Some(&key(id)), &check, withdraw).await?;
        Ok(())
    }
}

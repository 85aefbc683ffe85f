//! `two_factor:{user}` and `two_factor:{user}:{session}`: wrong codes of a second factor, and the
//! lock that they lead to. An attempt is counted before its code is compared (`begin.lua`); what
//! became of it is told afterwards (`settle.lua`). An attempt that is never settled stays counted.

use domain::ids::{CallId, SessionId, UserId};
use domain::second_factor::{
    ATTEMPT_WINDOW, FIRST_LOCK, LONGEST_LOCK, MAX_ATTEMPTS, SAME_CODE_PERIOD,
};
use domain::time::{Timestamp, millis_of};
use std::sync::LazyLock;
use std::time::Duration;

use super::error::CacheError;
use super::outcome::wait;
use super::round_trip::Cache;
use super::script::{LuaScript, ScriptCall};
use crate::limits::check::hash_tag;

/// How long an account without attempts keeps the number of its locks.
const RECORD_TTL: Duration = Duration::from_hours(30 * 24);

static BEGIN: LazyLock<LuaScript> =
    LazyLock::new(|| script("begin_second_factor_attempt", include_str!("begin.lua")));
static SETTLE: LazyLock<LuaScript> =
    LazyLock::new(|| script("settle_second_factor_attempt", include_str!("settle.lua")));

fn script(operation: &'static str, main: &str) -> LuaScript {
    let parameters = [
        ("ATTEMPT_WINDOW", millis_of(ATTEMPT_WINDOW)),
        ("SAME_CODE_PERIOD", millis_of(SAME_CODE_PERIOD)),
        ("FIRST_LOCK", millis_of(FIRST_LOCK)),
        ("LONGEST_LOCK", millis_of(LONGEST_LOCK)),
        ("RECORD_TTL", millis_of(RECORD_TTL)),
        ("MAX_ATTEMPTS", i64::from(MAX_ATTEMPTS)),
    ];
    let parameters = parameters.map(|(name, value)| format!("local {name} = {value}\n")).concat();
    LuaScript::new(operation, &[&parameters, include_str!("record.lua"), main])
}

/// One code of one call, as Redis knows it.
#[derive(Clone, Debug)]
pub struct SecondFactorAttempt {
    pub user: UserId,
    /// None at log-in.
    pub session: Option<SessionId>,
    pub call: CallId,
    /// A keyed digest.
    pub code: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptBegun {
    /// It is counted. Now the code may be compared.
    Compare,
    /// The session has just sent the same wrong code. Nothing was counted.
    Repeated,
    Locked {
        wait: Duration,
    },
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptSettled {
    /// It ends the lock and forgets what was wrong before.
    Right,
    Wrong,
    /// The code was right, but used before, or its work failed.
    Uncounted,
}

impl SecondFactorAttempt {
    fn call<'s>(&self, script: &'s LuaScript, now: Timestamp) -> ScriptCall<'s> {
        let account = format!("two_factor:{}", hash_tag(self.user));
        let session = self.session.map(|session| format!("{account}:{session}"));
        script
            .call(now)
            .keys(std::iter::once(account).chain(session))
            .arg(self.call.to_string())
            .arg(&self.code)
    }
}

impl Cache {
    /// Counts an attempt, unless the second factor is locked.
    pub async fn begin_second_factor_attempt(
        &self,
        attempt: &SecondFactorAttempt,
        now: Timestamp,
    ) -> Result<AttemptBegun, CacheError> {
        let mut reply = self.run(attempt.call(&BEGIN, now)).await?;
        let status: String = reply.next("a status")?;
        match &*status {
            "compare" => Ok(AttemptBegun::Compare),
            "repeated" => Ok(AttemptBegun::Repeated),
            "locked" => Ok(AttemptBegun::Locked { wait: wait(&mut reply)? }),
            _ => Err(reply.unexpected("what an attempt may do")),
        }
    }

    pub async fn settle_second_factor_attempt(
        &self,
        attempt: &SecondFactorAttempt,
        settled: AttemptSettled,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let settled = match settled {
            AttemptSettled::Right => "right",
            AttemptSettled::Wrong => "wrong",
            AttemptSettled::Uncounted => "uncounted",
        };
        self.run(attempt.call(&SETTLE, now).arg(settled)).await.map(drop)
    }
}

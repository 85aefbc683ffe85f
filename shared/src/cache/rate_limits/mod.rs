//! `rate_limit:{name}:{id}`: counts requests. One script counts the limits of a request, takes
//! its quotas and reads a session; each part may be absent. The scripts that send a code take
//! theirs themselves, by `limits.lua`.

use std::error::Error as _;
use std::sync::LazyLock;
use std::time::Duration;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::{LIMITS, LuaScript, Reply};
use crate::limits::check::RateLimitCheck;

static CHECK_ACCESS: LazyLock<LuaScript> = LazyLock::new(|| script("check_access"));
static TAKE_LIMITS: LazyLock<LuaScript> = LazyLock::new(|| script("take_limits"));

fn script(operation: &'static str) -> LuaScript {
    LuaScript::new(operation, &[LIMITS, include_str!("check_access.lua")])
}

impl Cache {
    /// Counts a request. If Redis fails, the request continues without rate limiting where
    /// all its limits fail open.
    pub async fn take_limits(&self, check: &RateLimitCheck<'_>) -> Result<(), CacheError> {
        if check.limits().is_empty() {
            return Ok(());
        }
        match self.count(&TAKE_LIMITS, None, check).await {
            Ok(_) => Ok(()),
            Err(limited @ CacheError::Limited { .. }) => Err(limited),
            Err(error) if check.fails_open() => {
                let cause = error.source().map(tracing::field::display);
                tracing::warn!(error = %error, cause, "failed to count rate limits");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Counts a request, takes its quotas and reads the key of a session. The rest of the
    /// reply is the session's value, and for each quota whether it had a token left.
    pub(super) async fn count_access(
        &self,
        session: Option<String>,
        check: &RateLimitCheck<'_>,
    ) -> Result<Reply, CacheError> {
        self.count(&CHECK_ACCESS, session, check).await
    }

    async fn count(
        &self,
        script: &LuaScript,
        session: Option<String>,
        check: &RateLimitCheck<'_>,
    ) -> Result<Reply, CacheError> {
        let (limits, quotas) = (check.limits(), check.quotas());
        let all = || limits.iter().chain(quotas);
        let call = script
            .call(check.now())
            .keys(all().map(|limit| limit.key.as_str()))
            .keys(session)
            .arg(limits.len())
            .arg(quotas.len())
            .limits(all());
        let mut reply = self.run(call).await?;
        let refused: usize = reply.number("the number of a limit")?;
        let wait = Duration::from_millis(reply.number("a wait")?);
        let mut status = None;
        for limit in limits {
            let full_at = reply.number("the time at which a bucket is full")?;
            if limit.shown {
                status = Some(limit.status(check.now(), full_at));
            }
        }
        if let Some(status) = status {
            check.set_status(status);
        }
        match refused.checked_sub(1) {
            None => Ok(reply),
            Some(index) => {
                let limit = limits.get(index).map(|limit| limit.limit);
                let limit = limit.ok_or_else(|| reply.unexpected("the number of a limit"))?;
                Err(CacheError::Limited { limit, wait })
            }
        }
    }
}

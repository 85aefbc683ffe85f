//! `rate_limit:{name}:{id}`: counts requests. One script counts the limits of a request, takes
//! its quotas and reads a session; each part may be absent. The scripts that send a code take
//! theirs themselves, by `limits.lua`.

use domain::time::millis_of;
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
        match self.count(&TAKE_LIMITS, None, Duration::ZERO, check).await {
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

    /// Counts a request, takes its quotas and reads the key of a session, which is cached as
    /// alive for this long if it is unknown. Gives the session's value, and for each quota
    /// whether it had a token left. A session that is not alive is counted by its own limit.
    pub(super) async fn count_access(
        &self,
        session: Option<String>,
        cache_for: Duration,
        check: &RateLimitCheck<'_>,
    ) -> Result<(Option<String>, Vec<bool>), CacheError> {
        self.count(&CHECK_ACCESS, session, cache_for, check).await
    }

    async fn count(
        &self,
        script: &LuaScript,
        session: Option<String>,
        cache_for: Duration,
        check: &RateLimitCheck<'_>,
    ) -> Result<(Option<String>, Vec<bool>), CacheError> {
        let (limits, quotas) = (check.limits(), check.quotas());
        let has_session = session.is_some();
        let own = check.session().filter(|_| has_session);
        let shared = || limits.iter().chain(quotas);
        let call = script
            .call(check.now())
            .keys(shared().map(|limit| limit.key.as_str()))
            .keys(session)
            .keys(own.map(|limit| limit.key.as_str()))
            .arg(limits.len())
            .arg(quotas.len())
            .arg(millis_of(cache_for))
            .limits(shared().chain(own));
        let mut reply = self.run(call).await?;
        let state: Option<String> = reply.next("the state of a session")?;
        let refused: usize = reply.number("the number of a limit")?;
        let wait = Duration::from_millis(reply.number("a wait")?);
        if has_session && state.as_deref() != Some("alive") {
            return match (refused, own) {
                (0, _) => Ok((state, Vec::new())),
                (_, Some(own)) => Err(CacheError::Limited { limit: own.limit, wait }),
                (_, None) => Err(reply.unexpected("the number of a limit")),
            };
        }
        set_status(&mut reply, check)?;
        match refused.checked_sub(1) {
            None => {
                let quotas = quotas.iter().map(|_| reply.next("a quota"));
                Ok((state, quotas.collect::<Result<_, _>>()?))
            }
            Some(index) => {
                let limit = limits.get(index).map(|limit| limit.limit);
                let limit = limit.ok_or_else(|| reply.unexpected("the number of a limit"))?;
                Err(CacheError::Limited { limit, wait })
            }
        }
    }
}

/// Keeps what is left of the limit that the response headers show.
fn set_status(reply: &mut Reply, check: &RateLimitCheck<'_>) -> Result<(), CacheError> {
    let mut status = None;
    for limit in check.limits() {
        let full_at = reply.number("the time at which a bucket is full")?;
        if limit.shown {
            status = Some(limit.status(check.now(), full_at));
        }
    }
    if let Some(status) = status {
        check.set_status(status);
    }
    Ok(())
}

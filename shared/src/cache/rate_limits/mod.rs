//! `rate_limit:{name}:{id}`: counts a request that needs nothing else of Redis. All other
//! scripts count theirs themselves, by `take_limits` of the prelude.

use serde::Deserialize;
use std::error::Error as _;
use std::sync::LazyLock;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::{LuaScript, NoArgs};
use crate::limits::check::RateLimitCheck;

static TAKE_LIMITS: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("take_limits", &[include_str!("take_limits.lua")]));

impl Cache {
    /// Counts a request. If Redis fails, the request continues without rate limiting where
    /// all its limits fail open.
    pub async fn take_limits(&self, check: &RateLimitCheck<'_>) -> Result<(), CacheError> {
        #[derive(Deserialize)]
        struct Taken {}
        if check.limits().is_empty() {
            return Ok(());
        }
        match self.run(&TAKE_LIMITS, None, check, NoArgs {}).await {
            Ok(Taken {}) => Ok(()),
            Err(limited @ CacheError::Limited { .. }) => Err(limited),
            Err(error) if check.fails_open() => {
                let cause = error.source().map(tracing::field::display);
                tracing::warn!(error = %error, cause, "failed to count rate limits");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

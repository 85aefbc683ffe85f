//! `session:{sid}`: says quickly whether a session is alive. The row in Postgres decides;
//! this copy is written only where none is, lives a minute and is never prolonged, so
//! that what was missed here is wrong for no longer than that.

use domain::ids::{SessionId, VerificationId};
use serde::Deserialize;
use std::sync::LazyLock;
use std::time::Duration;

use super::{Cache, CacheError, Lua, Nothing, RateLimitCheck, lua};

/// How long a copy may be believed.
const SESSION_CACHE_TTL: Duration = Duration::from_mins(1);
/// A tombstone outlives every access token.
const TOMBSTONE_TTL: Duration = Duration::from_mins(20);

static CHECK_ACCESS: LazyLock<Lua> = lua!(repeatable "check_access.lua");

/// What Redis knows of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Access {
    #[serde(rename = "status")]
    pub session: CachedSessionState,
    /// Which of the quotas that were asked for it has.
    #[serde(default)]
    pub quotas: Vec<bool>,
}

/// What Redis knows of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CachedSessionState {
    Alive,
    Ended,
    Unknown,
}

impl Cache {
    /// Counts a caller's request, takes its quotas, and reads the hot copy of its session
    /// if it has one, in one round trip.
    pub async fn check_access(
        &self,
        session: Option<SessionId>,
        rate_limit_check: &RateLimitCheck<'_>,
    ) -> Result<Access, CacheError> {
        self.run(&CHECK_ACCESS, session.map(key).as_deref(), rate_limit_check, Nothing {}).await
    }

    /// Makes the hot copy of a live row, unless a tombstone (or a copy) is there.
    pub async fn cache_session(&self, session: SessionId) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        cache_session(&mut pipe, session);
        self.send(&pipe).await.map(drop)
    }

    /// Overwrites hot copies with tombstones: the very next request sees them.
    pub async fn write_tombstones(&self, ended: &[SessionId]) -> Result<(), CacheError> {
        if ended.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        write_tombstones(&mut pipe, ended);
        self.send(&pipe).await.map(drop)
    }

    /// What a log-in leaves: its own hot copy, tombstones for the sessions it replaced,
    /// and no verification.
    pub async fn cache_login(
        &self,
        begun: SessionId,
        ended: &[SessionId],
        used: &VerificationId,
    ) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        write_tombstones(&mut pipe, ended);
        cache_session(&mut pipe, begun);
        pipe.cmd("UNLINK").arg(super::verifications::key(used)).ignore();
        self.send(&pipe).await.map(drop)
    }
}

fn key(session: SessionId) -> String {
    format!("session:{session}")
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

fn cache_session(pipe: &mut redis::Pipeline, session: SessionId) {
    pipe.cmd("SET")
        .arg(key(session))
        .arg("alive")
        .arg("NX")
        .arg("PX")
        .arg(millis(SESSION_CACHE_TTL))
        .ignore();
}

fn write_tombstones(pipe: &mut redis::Pipeline, ended: &[SessionId]) {
    for session in ended {
        pipe.cmd("SET")
            .arg(key(*session))
            .arg("ended")
            .arg("PX")
            .arg(millis(TOMBSTONE_TTL))
            .ignore();
    }
}

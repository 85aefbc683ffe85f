//! `session:{sid}`: answers quickly whether a session is alive. The row in Postgres is the
//! truth. A cache entry is set with NX, so that it never replaces a tombstone. It expires
//! after 60 s and is never prolonged, so that a missed tombstone matters no longer than that.

use domain::ids::{SessionId, VerificationId};
use domain::time::millis_of;
use redis::Pipeline;
use serde::Deserialize;
use std::sync::LazyLock;
use std::time::Duration;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::{LuaScript, NoArgs};
use super::verification::record;
use crate::limits::check::RateLimitCheck;

/// How long a cache entry is valid.
const SESSION_CACHE_TTL: Duration = Duration::from_mins(1);
/// A tombstone outlives every access token.
const TOMBSTONE_TTL: Duration = Duration::from_mins(20);

static CHECK_ACCESS: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("check_access", &[include_str!("check_access.lua")]));

/// What Redis knows of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Access {
    #[serde(rename = "status")]
    pub session: CachedSessionState,
    /// For each quota of the check, in its order: whether it had a token left.
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
    /// Counts a caller's request, takes its quotas, and reads the state of its session, if
    /// it has one. One round trip.
    pub async fn check_access(
        &self,
        session: Option<SessionId>,
        check: &RateLimitCheck<'_>,
    ) -> Result<Access, CacheError> {
        self.run(&CHECK_ACCESS, session.map(key).as_deref(), check, NoArgs {}).await
    }

    /// Caches that a session is alive, unless there is an entry or a tombstone.
    pub async fn cache_session(&self, session: SessionId) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        set_alive(&mut pipe, session);
        self.send("cache_session", &pipe).await.map(drop)
    }

    /// Writes tombstones over the cache entries of ended sessions. The next request of such
    /// a session is refused.
    pub async fn write_tombstones(&self, ended: &[SessionId]) -> Result<(), CacheError> {
        if ended.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        set_ended(&mut pipe, ended);
        self.send("write_tombstones", &pipe).await.map(drop)
    }

    /// Caches a login: the new session is alive, the sessions that it replaces have ended,
    /// and its verification is deleted.
    pub async fn cache_login(
        &self,
        started: SessionId,
        ended: &[SessionId],
        used: &VerificationId,
    ) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        set_ended(&mut pipe, ended);
        set_alive(&mut pipe, started);
        pipe.cmd("UNLINK").arg(record::key(used)).ignore();
        self.send("cache_login", &pipe).await.map(drop)
    }
}

fn key(session: SessionId) -> String {
    format!("session:{session}")
}

fn set_alive(pipe: &mut Pipeline, session: SessionId) {
    let ttl = millis_of(SESSION_CACHE_TTL);
    pipe.cmd("SET").arg(key(session)).arg("alive").arg("NX").arg("PX").arg(ttl).ignore();
}

fn set_ended(pipe: &mut Pipeline, sessions: &[SessionId]) {
    let ttl = millis_of(TOMBSTONE_TTL);
    for session in sessions {
        pipe.cmd("SET").arg(key(*session)).arg("ended").arg("PX").arg(ttl).ignore();
    }
}

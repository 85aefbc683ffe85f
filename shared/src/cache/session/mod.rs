//! `session:{user}:{sid}`: answers quickly whether a session is alive. The row in Postgres is
//! the truth. A cache entry is set with NX, so that it never replaces a tombstone. It expires
//! after 60 s and is never prolonged, so that a missed tombstone matters no longer than that.

use domain::ids::{SessionId, UserId, VerificationId};
use domain::time::millis_of;
use redis::Cmd;
use std::time::Duration;

use super::error::CacheError;
use super::round_trip::Cache;
use super::verification::record;
use crate::limits::check::{RateLimitCheck, hash_tag};

/// How long a cache entry is valid.
const SESSION_CACHE_TTL: Duration = Duration::from_mins(1);
/// A tombstone outlives every access token.
const TOMBSTONE_TTL: Duration = Duration::from_mins(20);

/// What Redis knows of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub session: CachedSessionState,
    /// For each quota of the check, in its order: whether it had a token left. Empty if the
    /// session is not known to be alive.
    pub quotas: Vec<bool>,
}

/// What Redis knows of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachedSessionState {
    Alive,
    Ended,
    Unknown,
}

impl Cache {
    /// Counts a caller's request, takes its quotas, and reads the state of its session, if
    /// it has one. A session that is not known to be alive is counted by its own limit alone,
    /// and takes no quotas. One round trip.
    pub async fn check_access(
        &self,
        session: Option<(UserId, SessionId)>,
        check: &RateLimitCheck<'_>,
    ) -> Result<Access, CacheError> {
        let session = session.map(|(user, session)| key(user, session));
        access(self.count_access(session, Duration::ZERO, check).await?)
    }

    /// The same for a session whose row says that it is alive, and caches that, unless there
    /// is an entry or a tombstone. A tombstone has the last word.
    pub async fn check_live_access(
        &self,
        user: UserId,
        session: SessionId,
        check: &RateLimitCheck<'_>,
    ) -> Result<Access, CacheError> {
        access(self.count_access(Some(key(user, session)), SESSION_CACHE_TTL, check).await?)
    }

    /// Writes tombstones over the cache entries of ended sessions of a user. The next request
    /// of such a session is refused.
    pub async fn write_tombstones(
        &self,
        user: UserId,
        ended: &[SessionId],
    ) -> Result<(), CacheError> {
        if ended.is_empty() {
            return Ok(());
        }
        let tombstones = ended.iter().map(|session| tombstone(user, *session));
        self.send("write_tombstones", tombstones.collect()).await.map(drop)
    }

    /// Caches a login: the new session is alive, the sessions of the user that it replaces
    /// have ended, and its verification, if it used one, is deleted.
    pub async fn cache_login(
        &self,
        user: UserId,
        started: SessionId,
        ended: &[SessionId],
        used: Option<&VerificationId>,
    ) -> Result<(), CacheError> {
        let tombstones = ended.iter().map(|session| tombstone(user, *session));
        let sessions = tombstones.chain([alive(user, started)]).collect();
        let verification = used.and_then(record::key).map(|key| {
            let mut unlink = redis::cmd("UNLINK");
            unlink.arg(key);
            unlink
        });
        let groups = vec![sessions, verification.into_iter().collect()];
        self.send_groups("cache_login", groups).await.map(drop)
    }
}

fn access((state, quotas): (Option<String>, Vec<bool>)) -> Result<Access, CacheError> {
    let session = match state.as_deref() {
        None => CachedSessionState::Unknown,
        Some("alive") => CachedSessionState::Alive,
        Some("ended") => CachedSessionState::Ended,
        Some(_) => {
            let (operation, expected) = ("check_access", "the state of a session");
            return Err(CacheError::UnexpectedData { operation, expected });
        }
    };
    Ok(Access { session, quotas })
}

fn key(user: UserId, session: SessionId) -> String {
    format!("session:{}:{session}", hash_tag(user))
}

fn alive(user: UserId, session: SessionId) -> Cmd {
    let ttl = millis_of(SESSION_CACHE_TTL);
    let mut set = redis::cmd("SET");
    set.arg(key(user, session)).arg("alive").arg("NX").arg("PX").arg(ttl);
    set
}

fn tombstone(user: UserId, session: SessionId) -> Cmd {
    let ttl = millis_of(TOMBSTONE_TTL);
    let mut set = redis::cmd("SET");
    set.arg(key(user, session)).arg("ended").arg("PX").arg(ttl);
    set
}

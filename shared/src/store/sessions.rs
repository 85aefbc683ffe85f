//! `sessions`: liveness, refresh rotation, ends. Each is one guarded statement, so that
//! of any number of racing requests exactly as many succeed as may.

use domain::ids::{DeviceId, SessionId, UserId};
use domain::session::{
    MAX_FORKS, REFRESH_TTL, REPEAT_WINDOW, Rotation, RotationOutcome, SESSION_TTL,
    SUPERSEDED_GENERATIONS, TokenPosition,
};
use domain::time::Timestamp;
use std::sync::LazyLock;
use std::time::SystemTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::outbox::{audit, sessions_ended};
use super::{Store, StoreError};
use crate::audit::AuditEntry;
use domain::principal::Principal;

/// A session as refresh left it.
#[derive(Clone, Copy, Debug)]
pub struct RotatedSession {
    pub outcome: RotationOutcome,
    pub auth_time: Timestamp,
}

/// `domain::session::exchange` as expressions over the row: $1 session, $2 user,
/// $3 generation and $4 fork of the token, $5 now. As one UPDATE they are evaluated on
/// the newest version of the row, under its lock.
static EXCHANGE: LazyLock<String> = LazyLock::new(|| {
    let window = format!("interval '{} seconds'", REPEAT_WINDOW.as_secs());
    let newest = "(s.generation = $3 AND $4 >= 0 AND $4 < s.forks)";
    let parent = "(s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4)";
    let forked = format!("({parent} AND $5 >= s.issued_at + {window} AND s.forks < {MAX_FORKS})");
    let recent = format!(
        "($3 >= 0 AND $4 >= 0 AND $3 < s.generation
          AND $3 >= s.generation - {SUPERSEDED_GENERATIONS} AND $5 < s.rotated_at + {window})"
    );
    let reused = format!("(NOT {newest} AND NOT {parent} AND NOT {recent})");
    let (idle, whole) = (REFRESH_TTL.as_secs(), SESSION_TTL.as_secs());
    format!(
        "WITH rotated AS (
           UPDATE auth.sessions AS s SET
             generation = CASE WHEN {newest} THEN s.generation + 1 ELSE s.generation END,
             forks = CASE WHEN {newest} THEN 1 WHEN {forked} THEN s.forks + 1 ELSE s.forks END,
             used_fork = CASE WHEN {newest} THEN $4 ELSE s.used_fork END,
             issued_at = CASE WHEN {newest} OR {forked} THEN $5 ELSE s.issued_at END,
             rotated_at = CASE WHEN {newest} THEN $5 ELSE s.rotated_at END,
             expires_at = CASE WHEN {newest} OR {forked}
               THEN least($5 + interval '{idle} seconds', s.auth_time + interval '{whole} seconds')
               ELSE s.expires_at END,
             revoked_at = CASE WHEN {reused} THEN $5 END,
             revoked_for = CASE WHEN {reused} THEN 'refresh_reused' END
           WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > $5
           RETURNING s.id, s.user_id, s.device_id, s.generation, s.forks, s.used_fork,
                     s.issued_at, s.rotated_at, s.auth_time,
                     -- of the row as it is now: the token was exchanged for its newest
                     {parent} AS issued, s.revoked_at IS NOT NULL AS reused),
         seen AS (
           UPDATE auth.devices AS d SET last_active = $5 FROM rotated
            WHERE d.id = rotated.device_id AND rotated.issued),
         reused_session AS (SELECT id, user_id FROM rotated WHERE reused),
         {news},
         {audit}
         SELECT generation, forks, used_fork, issued_at, rotated_at, auth_time, issued, reused FROM rotated",
        news = sessions_ended("reused_session", 5),
        audit = audit("reused_session", 6, 7, 5),
    )
});

/// Ends the sessions that the inner query finds, in the order of their ids, so that two
/// such statements never wait for each other. $1 user, $2 now, $3 entry, $4 personal.
fn end_sessions(reason: &str, which: &str) -> String {
    format!(
        "ended AS (
           UPDATE auth.sessions AS s SET revoked_at = $2, revoked_for = '{reason}'
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND {which}
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         cause AS (SELECT DISTINCT user_id FROM ended),
         {news},
         {audit}",
        news = sessions_ended("ended", 2),
        audit = audit("cause", 3, 4, 2),
    )
}

static END_SESSION: LazyLock<String> = LazyLock::new(|| {
    format!("WITH {} SELECT array(SELECT id FROM ended)", end_sessions("logout", "id = $5"))
});

static END_ALL: LazyLock<String> = LazyLock::new(|| {
    format!("WITH {} SELECT array(SELECT id FROM ended)", end_sessions("logout_all", "true"))
});

static END_DEVICE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH own AS (SELECT id FROM auth.devices WHERE id = $5 AND user_id = $1),
         {} SELECT array(SELECT id FROM ended), EXISTS (SELECT 1 FROM own)",
        end_sessions("logout", "device_id IN (SELECT id FROM own)")
    )
});

impl Store {
    /// Exchanges a verified refresh token; `None` if the session has ended. `audit` is
    /// recorded only if the exchange finds a theft.
    pub async fn exchange_refresh_token(
        &self,
        principal: Principal,
        position: TokenPosition,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<RotatedSession>, StoreError> {
        let now = SystemTime::from(now);
        let rows = self
            .rows(
                &EXCHANGE,
                &[
                    (principal.session.as_uuid(), Type::UUID),
                    (principal.user.as_uuid(), Type::UUID),
                    (&position.generation, Type::INT4),
                    (&position.fork, Type::INT4),
                    (&now, Type::TIMESTAMPTZ),
                    (&audit.entry, Type::TEXT),
                    (&audit.personal, Type::JSONB),
                ],
            )
            .await?;
        rows.first().map(exchanged).transpose()
    }

    /// Whether a session is alive, asked of the row itself.
    pub async fn is_session_alive(
        &self,
        principal: Principal,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = self
            .rows(
                "SELECT 1 FROM auth.sessions
                  WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3",
                &[
                    (principal.session.as_uuid(), Type::UUID),
                    (principal.user.as_uuid(), Type::UUID),
                    (&SystemTime::from(now), Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        Ok(!rows.is_empty())
    }

    /// Ends one session of a user. Gives the sessions that this call ended.
    pub async fn end_session(
        &self,
        principal: Principal,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = self
            .end(&END_SESSION, principal.user, now, audit, Some(principal.session.as_uuid()))
            .await?;
        ended(rows.first())
    }

    /// Ends the sessions of one device; `None` if it is not the user's.
    pub async fn end_device_sessions(
        &self,
        user: UserId,
        device: DeviceId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let rows = self.end(&END_DEVICE, user, now, audit, Some(device.as_uuid())).await?;
        let row = rows.first().ok_or(StoreError::UnexpectedData)?;
        if !row.try_get::<_, bool>(1)? {
            return Ok(None);
        }
        ended(Some(row)).map(Some)
    }

    /// Ends every session of a user.
    pub async fn end_all_sessions(
        &self,
        user: UserId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = self.end(&END_ALL, user, now, audit, None).await?;
        ended(rows.first())
    }

    async fn end(
        &self,
        sql: &str,
        user: UserId,
        now: Timestamp,
        audit: &AuditEntry,
        which: Option<&Uuid>,
    ) -> Result<Vec<Row>, StoreError> {
        let now = SystemTime::from(now);
        let mut params: Vec<super::Param<'_>> = vec![
            (user.as_uuid(), Type::UUID),
            (&now, Type::TIMESTAMPTZ),
            (&audit.entry, Type::TEXT),
            (&audit.personal, Type::JSONB),
        ];
        if let Some(which) = which {
            params.push((which, Type::UUID));
        }
        self.rows(sql, &params).await
    }
}

fn ended(row: Option<&Row>) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<Uuid> = row.ok_or(StoreError::UnexpectedData)?.try_get(0)?;
    Ok(ids.into_iter().map(SessionId::from_uuid).collect())
}

fn exchanged(row: &Row) -> Result<RotatedSession, StoreError> {
    let at = |column| row.try_get::<_, SystemTime>(column).map(Timestamp::from);
    let rotation = Rotation {
        generation: row.try_get(0)?,
        forks: row.try_get(1)?,
        used_fork: row.try_get(2)?,
        issued_at: at(3)?,
        rotated_at: at(4)?,
    };
    let (issued, reused) = (row.try_get(6)?, row.try_get(7)?);
    let outcome = match (issued, reused) {
        (true, _) => RotationOutcome::Issued(rotation),
        (false, true) => RotationOutcome::Reused,
        (false, false) => RotationOutcome::Superseded,
    };
    Ok(RotatedSession { outcome, auth_time: at(5)? })
}

//! Refresh rotation: decides about a refresh token and writes the result, in one statement.
//! The common case has a statement of its own, which costs Postgres a fraction of the other.

use domain::ids::CallId;
use domain::principal::Principal;
use domain::session::{
    MAX_FORKS, REFRESH_TTL, REPEAT_WINDOW, Rotation, RotationOutcome, SESSION_TTL,
    SUPERSEDED_GENERATIONS, TokenPosition,
};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::session_ended::session_ended;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// A session as refresh left it.
#[derive(Clone, Copy, Debug)]
pub struct RotatedSession {
    pub outcome: RotationOutcome,
    pub auth_time: Timestamp,
}

/// The common case of [`EXCHANGE_REFRESH_TOKEN`]: a token of the newest generation. The row
/// alone is written, into no index. A repeat finds no row, and the other statement gives the
/// same tokens again.
static ROTATE_SESSION: LazyStatement = LazyStatement::new(|| {
    let (idle, whole) = (REFRESH_TTL.as_secs(), SESSION_TTL.as_secs());
    let sql = format!(
        "UPDATE auth.sessions AS s SET
           generation = s.generation + 1, forks = 1, used_fork = :fork, issued_at = :now,
           rotated_at = :now, expires_at =
             least(:now + interval '{idle} seconds', s.auth_time + interval '{whole} seconds')
         WHERE s.id = :session AND s.user_id = :user AND s.generation = :generation
           AND :fork >= 0 AND :fork < s.forks AND s.revoked_at IS NULL AND s.expires_at > :now
         RETURNING s.auth_time"
    );
    let types = [
        ("session", Type::UUID),
        ("user", Type::UUID),
        ("generation", Type::INT4),
        ("fork", Type::INT4),
        ("now", Type::TIMESTAMPTZ),
    ];
    Statement::new("rotate_session", &sql, types)
});

row_struct! {
    struct AuthTimeRow { auth_time: SystemTime }
}

/// `domain::session::rotate` as expressions over the row, and `rotate_restored` for a token that was
/// issued before the database was restored. As one UPDATE they are evaluated
/// on the newest version of the row, under its lock. A session that this very call ended is
/// found again, so that a repeat reports the reuse too.
static EXCHANGE_REFRESH_TOKEN: LazyStatement = LazyStatement::new(|| {
    let window = format!("interval '{} seconds'", REPEAT_WINDOW.as_secs());
    let newest = "(s.generation = :generation AND :fork >= 0 AND :fork < s.forks)";
    let parent = "(s.generation - 1 = :generation AND s.used_fork IS NOT DISTINCT FROM :fork)";
    let forked = format!("({parent} AND :now >= s.issued_at + {window} AND s.forks < {MAX_FORKS})");
    let recent = format!(
        "(:generation >= 0 AND :fork >= 0 AND :generation < s.generation
          AND :generation >= s.generation - {SUPERSEDED_GENERATIONS}
          AND :now < s.rotated_at + {window})"
    );
    let lost = format!(
        "(:generation >= s.generation AND :fork >= 0 AND NOT {newest}
          AND EXISTS (SELECT FROM auth.restores r WHERE :issued_at <= r.restored_at))"
    );
    let taken = format!("({newest} OR {lost})");
    let reused = format!("(NOT {taken} AND NOT {parent} AND NOT {recent})");
    let (idle, whole) = (REFRESH_TTL.as_secs(), SESSION_TTL.as_secs());
    let sql = format!(
        "WITH rotated AS (
           UPDATE auth.sessions AS s SET
             generation = CASE WHEN {taken} THEN :generation + 1 ELSE s.generation END,
             forks = CASE WHEN {taken} THEN 1 WHEN {forked} THEN s.forks + 1 ELSE s.forks END,
             used_fork = CASE WHEN {taken} THEN :fork ELSE s.used_fork END,
             issued_at = CASE WHEN {taken} OR {forked} THEN :now ELSE s.issued_at END,
             rotated_at = CASE WHEN {taken} THEN :now ELSE s.rotated_at END,
             expires_at = CASE WHEN {taken} OR {forked}
               THEN least(:now + interval '{idle} seconds', s.auth_time + interval '{whole} seconds')
               ELSE s.expires_at END,
             revoked_at = CASE WHEN {reused} THEN :now END,
             revoked_for = CASE WHEN {reused} THEN 'refresh_reused' END,
             ended_by = CASE WHEN {reused} THEN :call END
           WHERE s.id = :session AND s.user_id = :user AND s.revoked_at IS NULL
             AND s.expires_at > :now
           RETURNING s.id, s.user_id, s.generation, s.forks, s.used_fork,
                     s.issued_at, s.rotated_at, s.auth_time,
                     -- of the row as it is now: the token was exchanged for its newest
                     {parent} AS issued, s.revoked_at IS NOT NULL AS reused),
         reused_session AS (SELECT id, user_id FROM rotated WHERE reused),
         {ended_event},
         {audit}
         SELECT generation, forks, used_fork, issued_at, rotated_at, auth_time, issued, reused
           FROM rotated
         UNION ALL
         SELECT generation, forks, used_fork, issued_at, rotated_at, auth_time, false, true
           FROM auth.sessions WHERE id = :session AND user_id = :user AND ended_by = :call",
        ended_event = session_ended("reused_session"),
        audit = audit("reused_session"),
    );
    let types = [
        ("session", Type::UUID),
        ("user", Type::UUID),
        ("generation", Type::INT4),
        ("fork", Type::INT4),
        ("issued_at", Type::TIMESTAMPTZ),
        ("now", Type::TIMESTAMPTZ),
        ("call", Type::UUID),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("exchange_refresh_token", &sql, types)
});

row_struct! {
    struct RotatedRow {
        generation: i32,
        forks: i32,
        used_fork: Option<i32>,
        issued_at: SystemTime,
        rotated_at: SystemTime,
        auth_time: SystemTime,
        issued: bool,
        reused: bool,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&ROTATE_SESSION, &EXCHANGE_REFRESH_TOKEN];

impl Store {
    /// Exchanges a verified refresh token, which was issued then; `None` if the session has ended. `reuse` gives the
    /// call and the audit entry that are recorded if the token was reused, which ends the
    /// session.
    pub async fn exchange_refresh_token(
        &self,
        principal: Principal,
        (position, issued_at): (TokenPosition, Timestamp),
        now: Timestamp,
        reuse: impl FnOnce() -> (CallId, AuditEntry),
    ) -> Result<Option<RotatedSession>, StoreError> {
        let at = SystemTime::from(now);
        let mut parameters: Vec<Parameter<'_>> = vec![
            ("session", principal.session.as_uuid()),
            ("user", principal.user.as_uuid()),
            ("generation", &position.generation),
            ("fork", &position.fork),
            ("now", &at),
        ];
        let rotated: Option<AuthTimeRow> =
            self.fetch_optional(&ROTATE_SESSION, &parameters).await?;
        if let Some(AuthTimeRow { auth_time }) = rotated {
            let rotation = Rotation {
                generation: position.generation + 1,
                forks: 1,
                used_fork: Some(position.fork),
                issued_at: now,
                rotated_at: now,
            };
            let outcome = RotationOutcome::Issued(rotation);
            return Ok(Some(RotatedSession { outcome, auth_time: auth_time.into() }));
        }
        let (call, audit) = reuse();
        let issued_at = SystemTime::from(issued_at);
        parameters.extend_from_slice(&[
            ("issued_at", &issued_at),
            ("call", call.as_uuid()),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ]);
        let row: Option<RotatedRow> =
            self.fetch_optional(&EXCHANGE_REFRESH_TOKEN, &parameters).await?;
        Ok(row.map(RotatedSession::from))
    }
}

impl From<RotatedRow> for RotatedSession {
    fn from(row: RotatedRow) -> Self {
        let outcome = if row.issued {
            RotationOutcome::Issued(Rotation {
                generation: row.generation,
                forks: row.forks,
                used_fork: row.used_fork,
                issued_at: row.issued_at.into(),
                rotated_at: row.rotated_at.into(),
            })
        } else if row.reused {
            RotationOutcome::Reused
        } else {
            RotationOutcome::Superseded
        };
        Self { outcome, auth_time: row.auth_time.into() }
    }
}

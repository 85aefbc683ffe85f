//! Ends of sessions: one session, those of a device, or all of a user.

use domain::ids::{CallId, DeviceId, SessionId, UserId};
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::session_ended::session_ended;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// A session that ended so recently may still have a cache entry, if the call that ended it
/// was given up: longer than an entry is valid.
const RECENTLY_ENDED: Duration = Duration::from_mins(2);

/// Ends the sessions that the condition finds, in the order of their ids: two such
/// statements never deadlock. Gives the CTEs `ended` and `tombstones`. Parameters: `user`, `call`,
/// `now`.
pub(in crate::store) fn ended_sessions(reason: &str, condition: &str) -> String {
    format!(
        "ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = :now, revoked_for = '{reason}', ended_by = :call
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = :user AND revoked_at IS NULL AND {condition}
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = :user AND {condition} AND revoked_at > :now - interval '{recent} seconds'),
         {ended_event}",
        recent = RECENTLY_ENDED.as_secs(),
        ended_event = session_ended("ended"),
    )
}

/// The same with an audit entry, if any session ended.
fn end_sessions(reason: &str, condition: &str) -> String {
    format!(
        "{ended},
         cause AS (SELECT DISTINCT user_id FROM ended),
         {audit}",
        ended = ended_sessions(reason, condition),
        audit = audit("cause"),
    )
}

/// The parameters of [`end_sessions`].
const TYPES: [(&str, Type); 5] = [
    ("user", Type::UUID),
    ("call", Type::UUID),
    ("now", Type::TIMESTAMPTZ),
    AUDIT_ENTRY,
    AUDIT_PERSONAL,
];

static END_SESSION: LazyStatement = LazyStatement::new(|| {
    let ended = end_sessions("logout", "id = :session");
    let sql = format!("WITH {ended} SELECT array(SELECT id FROM tombstones) AS ended");
    Statement::new("end_session", &sql, [&TYPES[..], &[("session", Type::UUID)]].concat())
});

static END_ALL_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let ended = end_sessions("logout_all", "true");
    let sql = format!("WITH {ended} SELECT array(SELECT id FROM tombstones) AS ended");
    Statement::new("end_all_sessions", &sql, TYPES)
});

/// What an earlier try of this call ended.
pub(in crate::store) static ENDED_BY_CALL: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "find_sessions_ended_by_call",
        "SELECT array(SELECT id FROM auth.sessions WHERE user_id = :user AND ended_by = :call) AS ended",
        [("user", Type::UUID), ("call", Type::UUID)],
    )
});

row_struct! {
    pub(in crate::store) struct EndedRow { ended: Vec<Uuid> }
}

static END_DEVICE_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH own_device AS (SELECT id FROM auth.devices WHERE id = :device AND user_id = :user),
         {ended}
         SELECT array(SELECT id FROM tombstones) AS ended,
                EXISTS (SELECT FROM own_device) AS is_own_device",
        ended = end_sessions("logout", "device_id IN (SELECT id FROM own_device)"),
    );
    Statement::new("end_device_sessions", &sql, [&TYPES[..], &[("device", Type::UUID)]].concat())
});

row_struct! {
    struct EndedOfDeviceRow { ended: Vec<Uuid>, is_own_device: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&END_SESSION, &END_ALL_SESSIONS, &END_DEVICE_SESSIONS, &ENDED_BY_CALL];

impl Store {
    /// Ends one session of a user. Gives the sessions that need a tombstone.
    pub async fn end_session(
        &self,
        principal: Principal,
        call: CallId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Vec<SessionId>, StoreError> {
        let now = now.into();
        let mut parameters = parameters(&principal.user, &call, &now, audit);
        parameters.push(("session", principal.session.as_uuid()));
        let row: EndedRow = self.fetch_one(&END_SESSION, &parameters).await?;
        Ok(session_ids(row.ended))
    }

    /// Ends the sessions of one device; `None` if it is not the user's.
    pub async fn end_device_sessions(
        &self,
        user: UserId,
        device: DeviceId,
        call: CallId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let now = now.into();
        let mut parameters = parameters(&user, &call, &now, audit);
        parameters.push(("device", device.as_uuid()));
        let row: EndedOfDeviceRow = self.fetch_one(&END_DEVICE_SESSIONS, &parameters).await?;
        Ok(row.is_own_device.then(|| session_ids(row.ended)))
    }

    /// Ends every session of a user.
    pub async fn end_all_sessions(
        &self,
        user: UserId,
        call: CallId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Vec<SessionId>, StoreError> {
        let now = now.into();
        let row: EndedRow =
            self.fetch_one(&END_ALL_SESSIONS, &parameters(&user, &call, &now, audit)).await?;
        Ok(session_ids(row.ended))
    }
}

fn parameters<'a>(
    user: &'a UserId,
    call: &'a CallId,
    now: &'a SystemTime,
    audit: &'a AuditEntry,
) -> Vec<Parameter<'a>> {
    vec![
        ("user", user.as_uuid()),
        ("call", call.as_uuid()),
        ("now", now),
        ("audit_entry", &audit.entry),
        ("audit_personal", &audit.personal),
    ]
}

pub(in crate::store) fn session_ids(ids: Vec<Uuid>) -> Vec<SessionId> {
    ids.into_iter().map(SessionId::from_uuid).collect()
}

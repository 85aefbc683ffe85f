//! Ends of sessions: one session, those of a device, or all of a user. A newcomer ends its own and
//! those of younger devices (`domain::access`).

use domain::access::{Action, Seniority};
use domain::ids::{CallId, DeviceId, SessionId, UserId};
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::session_ended::session_ended;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// A session that ended so recently may still have a cache entry, if the call that ended it
/// was given up: longer than an entry is valid.
pub(in crate::store) const RECENTLY_ENDED: Duration = Duration::from_mins(2);

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
    let sql = format!("WITH {ended} SELECT FROM ended");
    Statement::new("end_session", &sql, [&TYPES[..], &[("session", Type::UUID)]].concat())
});

static END_ALL_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let ended = end_sessions("logout_all", "true");
    let sql = format!("WITH {ended} SELECT array(SELECT id FROM tombstones) AS ended");
    Statement::new("end_all_sessions", &sql, TYPES)
});

/// Of the device that asks, and of those that joined after it.
static END_YOUNGER_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let younger = "device_id IN (
                SELECT d.id FROM auth.devices d JOIN auth.devices own ON own.id = :device
                 WHERE d.user_id = :user AND own.user_id = :user
                   AND (coalesce(d.joined_at, d.created_at), d.id)
                       >= (coalesce(own.joined_at, own.created_at), own.id))";
    let ended = end_sessions("logout_all", younger);
    let sql = format!("WITH {ended} SELECT array(SELECT id FROM tombstones) AS ended");
    Statement::new("end_younger_sessions", &sql, [&TYPES[..], &[("device", Type::UUID)]].concat())
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
    let ended = end_sessions("logout", "device_id = :device");
    let sql = format!("WITH {ended} SELECT array(SELECT id FROM tombstones) AS ended");
    Statement::new("end_device_sessions", &sql, [&TYPES[..], &[("device", Type::UUID)]].concat())
});

/// Of a session that ended with others: by an earlier try of this call, or by an earlier call whose
/// answer may be lost.
static FIND_LOGGED_OUT_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH ended AS (
           SELECT id FROM auth.sessions
            WHERE user_id = :user AND revoked_for = 'logout_all'
              AND revoked_at > :now - interval '{recent} seconds')
         SELECT array(SELECT id FROM ended) AS ended FROM ended WHERE id = :session",
        recent = RECENTLY_ENDED.as_secs(),
    );
    let types = [("user", Type::UUID), ("session", Type::UUID), ("now", Type::TIMESTAMPTZ)];
    Statement::new("find_logged_out_sessions", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[
    &END_SESSION,
    &END_ALL_SESSIONS,
    &END_YOUNGER_SESSIONS,
    &END_DEVICE_SESSIONS,
    &FIND_LOGGED_OUT_SESSIONS,
    &ENDED_BY_CALL,
];

impl Store {
    /// Ends the session, unless it has ended: by a call that commits meanwhile, too. It needs a
    /// tombstone in each case.
    pub async fn end_session(
        &self,
        principal: Principal,
        call: CallId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let now = now.into();
        let mut parameters = parameters(&principal.user, &call, &now, audit);
        parameters.push(("session", principal.session.as_uuid()));
        self.execute(&END_SESSION, &parameters).await
    }

    /// Ends the sessions of another device of the user. A repeat finds the same sessions again.
    pub async fn end_device_sessions(
        &self,
        proof: &FreshProof,
        device: DeviceId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<Vec<SessionId>, AccessDenied>, StoreError> {
        let (at, call, user) = (now.into(), proof.call(), proof.principal().user);
        let mut parameters = parameters(&user, &call, &at, audit);
        parameters.push(("device", device.as_uuid()));
        let (parameters, change) = (&parameters, Change::Device(device, Action::EndSession));
        self.transaction("end_device_sessions", async |transaction| {
            if let Err(denied) = authorize_change(&transaction, proof, change, now).await? {
                return transaction.rollback(Err(denied)).await;
            }
            let row: EndedRow = transaction.fetch_one(&END_DEVICE_SESSIONS, parameters).await?;
            transaction.commit(Ok(session_ids(row.ended))).await
        })
        .await
    }

    /// Ends every session of the user that the caller may end.
    pub async fn end_all_sessions(
        &self,
        proof: &FreshProof,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<Vec<SessionId>, AccessDenied>, StoreError> {
        const OLDER: Action = Action::EndSession(Seniority::Older);
        const YOUNGER: Action = Action::EndSession(Seniority::Younger);
        let principal = proof.principal();
        let (at, call) = (now.into(), proof.call());
        let all = &parameters(&principal.user, &call, &at, audit);
        let of_session: &[Parameter<'_>] = &[
            ("user", principal.user.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("now", &at),
        ];
        let younger = &[&all[..], &[("device", principal.device.as_uuid())]].concat();
        self.transaction("end_all_sessions", async |transaction| {
            let change = Change::Account(&[OLDER, YOUNGER]);
            let allowed = authorize_change(&transaction, proof, change, now).await?;
            let row: EndedRow = match allowed.map(|allowed| allowed.map(|one| one.action)) {
                Ok(Some(OLDER)) => transaction.fetch_one(&END_ALL_SESSIONS, all).await?,
                Ok(Some(_)) => transaction.fetch_one(&END_YOUNGER_SESSIONS, younger).await?,
                Ok(None) | Err(AccessDenied::SessionEnded) => {
                    let ended =
                        transaction.rollback_with(&FIND_LOGGED_OUT_SESSIONS, of_session).await?;
                    return Ok(ended.map(|rows: Vec<EndedRow>| {
                        let ended = rows.into_iter().next().map(|row| session_ids(row.ended));
                        ended.ok_or(AccessDenied::SessionEnded)
                    }));
                }
                Err(denied) => return transaction.rollback(Err(denied)).await,
            };
            transaction.commit(Ok(session_ids(row.ended))).await
        })
        .await
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

//! Deletes an account: every row that tells of a person. What stays: the chain of its security events
//! without what is personal, used verifications, digests of its identity keys, and the events that
//! still have to be delivered.

use domain::access::Action;
use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::crypto::IdentityIndex;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::keys::retired::proven_identities;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::session_ended::session_ended;
use crate::store::sessions::RECENTLY_ENDED;
use crate::store::sessions::end::session_ids;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Under the lock of the account. Sessions, devices, keys, history and codes follow the row.
static DELETE_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH session AS MATERIALIZED (
           SELECT id, user_id, revoked_at FROM auth.sessions WHERE user_id = :user
            ORDER BY id FOR UPDATE),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id, user_id FROM session
            WHERE revoked_at IS NULL OR revoked_at > :now - interval '{recent} seconds'),
         retired AS (
           INSERT INTO auth.retired_identities (digest)
           SELECT unnest(:digests::bytea[]) ON CONFLICT DO NOTHING),
         deleted AS (
           DELETE FROM auth.users_auth
            WHERE id = :user AND (SELECT count(*) FROM session) >= 0 -- these first
           RETURNING id AS user_id),
         {ended_event},
         deleted_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.deleted',
                  jsonb_build_object('userId', user_id, 'timestamp', :timestamp), :now
             FROM deleted),
         {audit}
         SELECT array(SELECT id FROM tombstones) AS ended, array(SELECT id FROM session) AS sessions
           FROM deleted",
        recent = RECENTLY_ENDED.as_secs(),
        ended_event = session_ended("tombstones"),
        audit = audit("deleted"),
    );
    let types = [
        ("user", Type::UUID),
        ("digests", Type::BYTEA_ARRAY),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("delete_account", &sql, types)
});

row_struct! {
    struct DeletedRow { ended: Vec<Uuid>, sessions: Vec<Uuid> }
}

/// The account's own events are of no use to anyone any more, and hold numbers and addresses. The
/// chain needs its entries, which hold commitments. The trigger `erase_security_events` does the same
/// for the rows that the user could read.
static ERASE_EVENTS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "erase_events",
        "WITH erased AS (
           DELETE FROM auth.outbox
            WHERE user_id = :user AND topic NOT IN ('audit', 'session.ended', 'user.deleted'))
         UPDATE auth.outbox SET payload = payload - 'personal'
          WHERE user_id = :user AND topic = 'audit' AND payload ? 'personal'",
        [("user", Type::UUID)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&DELETE_ACCOUNT, &ERASE_EVENTS];

/// An account that is gone.
#[derive(Clone, Debug)]
pub struct DeletedAccount {
    /// The sessions that need a tombstone.
    pub ended: Vec<SessionId>,
    /// All that it had: what Redis counts of them is deleted.
    pub sessions: Vec<SessionId>,
}

impl Store {
    /// Deletes the account of the caller.
    pub async fn delete_account(
        &self,
        proof: &FreshProof,
        index: &IdentityIndex,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<DeletedAccount, AccessDenied>, StoreError> {
        let user = proof.principal().user;
        // What an earlier try of this call deleted, from before its COMMIT was sent.
        let earlier: &Mutex<Option<DeletedAccount>> = &Mutex::default();
        self.transaction("delete_account", async |transaction| {
            let change = Change::Account(&[Action::DeleteAccount]);
            if let Err(denied) = authorize_change(&transaction, proof, change, now).await? {
                let earlier = earlier.lock().unwrap_or_else(PoisonError::into_inner).clone();
                return match (denied, earlier) {
                    (AccessDenied::SessionEnded, Some(deleted)) => {
                        transaction.rollback(Ok(deleted)).await
                    }
                    (denied, _) => transaction.rollback(Err(denied)).await,
                };
            }
            let digests = proven_identities(&transaction, user, index).await?;
            let Some(deleted) = delete(&transaction, user, &digests, now, audit).await? else {
                return transaction.rollback(Err(AccessDenied::SessionEnded)).await;
            };
            *earlier.lock().unwrap_or_else(PoisonError::into_inner) = Some(deleted.clone());
            transaction.commit(Ok(deleted)).await
        })
        .await
    }
}

/// Deletes an account that is locked, and retires these identity keys. None if there is no account.
pub(in crate::store) async fn delete(
    transaction: &Transaction<'_>,
    user: UserId,
    digests: &[Vec<u8>],
    now: Timestamp,
    audit: &AuditEntry,
) -> Result<Option<DeletedAccount>, StoreError> {
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("digests", &digests),
        ("timestamp", &now.millis()),
        ("now", &SystemTime::from(now)),
        ("audit_entry", &audit.entry),
        ("audit_personal", &audit.personal),
    ];
    let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
    let (row, erased) = tokio::join!(
        biased;
        transaction.fetch_optional::<DeletedRow>(&DELETE_ACCOUNT, parameters),
        transaction.fetch_all::<()>(&ERASE_EVENTS, of_user),
    );
    let row = row?;
    erased?;
    Ok(row.map(|row| DeletedAccount {
        ended: session_ids(row.ended),
        sessions: session_ids(row.sessions),
    }))
}

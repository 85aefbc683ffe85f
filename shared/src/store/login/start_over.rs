//! Start over: the number of an account that nobody uses, or that nobody can enter, gets a new account.
//! The old one loses the number, its sessions and its keys. Maintenance deletes it later.

use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::new_login::{LoginOutcome, NewLogin, ProvenNumber};
use super::register::insert_account;
use crate::audit::AuditEntry;
use crate::crypto::IdentityIndex;
use crate::store::error::StoreError;
use crate::store::keys::delete::delete_own_keys;
use crate::store::keys::retired::proven_identities;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::sessions::end::{EndedRow, ended_sessions, session_ids};
use crate::store::statement::{LazyStatement, Parameter, Statement};
use crate::store::transaction::{Ended, Transaction};

/// A refresh waits, and then finds its session ended.
static LOCK_SESSIONS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_sessions",
        "SELECT FROM auth.sessions WHERE user_id = :user AND revoked_at IS NULL
          ORDER BY id FOR UPDATE",
        [("user", Type::UUID)],
    )
});

/// What could be undone is forgotten: it would need the number.
static RELEASE_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH released AS (
           UPDATE auth.users_auth
              SET phone_number = NULL, log_ins_stopped_since = NULL, updated_at = :now
            WHERE id = :user AND phone_number = :phone
           RETURNING id AS user_id),
         kept AS (
           INSERT INTO auth.released_accounts (user_id, released_at)
           SELECT user_id, :now FROM released),
         retired AS (
           INSERT INTO auth.retired_identities (digest, user_id)
           SELECT unnest(:digests::bytea[]), user_id FROM released
           ON CONFLICT DO NOTHING),
         forgotten AS (DELETE FROM auth.account_changes WHERE user_id = :user),
         {ended},
         released_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.phone_released',
                  jsonb_build_object('userId', user_id, 'phoneNumber', :phone,
                                     'timestamp', :timestamp), :now
             FROM released),
         {audit}
         SELECT array(SELECT id FROM tombstones) AS ended",
        ended = ended_sessions("number_released", "true"),
        audit = audit("released"),
    );
    let types = [
        ("user", Type::UUID),
        ("phone", Type::TEXT),
        ("digests", Type::BYTEA_ARRAY),
        ("call", Type::UUID),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("release_account", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_SESSIONS, &RELEASE_ACCOUNT];

/// What a call has released, from before its COMMIT is sent: a repeat finds the new account, and not
/// the old one.
#[derive(Debug, Default)]
pub(super) struct StartedOver(Mutex<Option<(UserId, Vec<SessionId>)>>);

impl StartedOver {
    pub(super) fn get(&self) -> Option<(UserId, Vec<SessionId>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, released: (UserId, Vec<SessionId>)) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(released);
    }
}

/// Keeps the sessions of a locked account as they are until the transaction ends.
pub(super) async fn lock_sessions(
    transaction: &Transaction<'_>,
    user: UserId,
) -> Result<(), StoreError> {
    let parameters: &[Parameter<'_>] = &[("user", user.as_uuid())];
    transaction.fetch_all::<()>(&LOCK_SESSIONS, parameters).await.map(drop)
}

/// Makes a new account for the number of this one, which is locked with its sessions.
pub(super) async fn start_over(
    transaction: Transaction<'_>,
    (login, number): (&NewLogin, &ProvenNumber),
    old: UserId,
    started_over: &StartedOver,
) -> Result<Ended<LoginOutcome>, StoreError> {
    let Some(recorded) = &number.start_over else {
        return transaction.rollback(LoginOutcome::AccountIdle).await;
    };
    let release = Release {
        phone: number.phone.as_e164(),
        call: login.session.as_uuid(),
        now: login.now,
        released: &recorded.released,
        keys_deleted: &recorded.keys_deleted,
    };
    let ended = release.apply(&transaction, old, &number.identities).await?;
    match insert_account(&transaction, login, &number.phone, &recorded.registered).await? {
        Ok(Some(mut completed)) => {
            started_over.set((old, ended.clone()));
            completed.released = Some((old, ended));
            transaction.commit(LoginOutcome::Completed(completed)).await
        }
        Ok(None) => transaction.rollback(LoginOutcome::AccountExists).await,
        Err(refused) => transaction.rollback(refused).await,
    }
}

/// Takes the number from an account.
#[derive(Debug)]
pub(in crate::store) struct Release<'r> {
    /// The number that the account has.
    pub phone: &'r str,
    /// By which the sessions end.
    pub call: &'r Uuid,
    pub now: Timestamp,
    pub released: &'r AuditEntry,
    pub keys_deleted: &'r AuditEntry,
}

impl Release<'_> {
    /// Takes the number from a locked account, which loses its sessions and keys with it. Gives the
    /// sessions that need a tombstone.
    pub(in crate::store) async fn apply(
        &self,
        transaction: &Transaction<'_>,
        user: UserId,
        index: &IdentityIndex,
    ) -> Result<Vec<SessionId>, StoreError> {
        let digests = proven_identities(transaction, user, index).await?;
        let now = SystemTime::from(self.now);
        let of_account: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("phone", &self.phone),
            ("digests", &digests),
            ("call", self.call),
            ("timestamp", &self.now.millis()),
            ("now", &now),
            ("audit_entry", &self.released.entry),
            ("audit_personal", &self.released.personal),
        ];
        let (deleted, row) = tokio::join!(
            biased;
            delete_own_keys(transaction, user, None, self.now, self.keys_deleted),
            transaction.fetch_one::<EndedRow>(&RELEASE_ACCOUNT, of_account),
        );
        deleted?;
        Ok(session_ids(row?.ended))
    }
}

//! The registration lock: the hash of a recovery code. All devices are told.

use domain::access::Action;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::audit::AuditEntry;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::notice_to_devices;
use crate::store::statement::{LazyStatement, Parameter, Statement};

/// Sets the hash, or none. Where there is no lock, none is removed and nothing is told.
fn change(name: &'static str, notice: &str) -> Statement {
    let sql = format!(
        "WITH changed AS (
           UPDATE auth.users_auth SET recovery_code_hash = :hash, updated_at = :now
            WHERE id = :user AND (:hash IS NOT NULL OR recovery_code_hash IS NOT NULL)
           RETURNING id AS user_id),
         {notice},
         {audit}
         SELECT 1 AS changed",
        notice = notice_to_devices("changed", notice),
        audit = audit("changed"),
    );
    let types = [
        ("user", Type::UUID),
        ("hash", Type::BYTEA),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new(name, &sql, types)
}

static SET_LOCK: LazyStatement =
    LazyStatement::new(|| change("set_registration_lock", "registration_lock_set"));
static REMOVE_LOCK: LazyStatement =
    LazyStatement::new(|| change("remove_registration_lock", "registration_lock_removed"));

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&SET_LOCK, &REMOVE_LOCK];

impl Store {
    /// Sets the lock with the hash of a new recovery code, or removes it. Tells whether the
    /// verification that the caller showed was needed, and is used.
    pub async fn change_registration_lock(
        &self,
        proof: &FreshProof,
        hash: Option<[u8; 32]>,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<bool, AccessDenied>, StoreError> {
        let user = proof.principal().user;
        let stored = hash.as_ref().map(<[u8; 32]>::as_slice);
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("hash", &stored),
            ("timestamp", &now.millis()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        let (statement, action): (&'static Statement, _) = match hash {
            Some(_) => (&SET_LOCK, Action::SetRegistrationLock),
            None => (&REMOVE_LOCK, Action::RemoveRegistrationLock),
        };
        let change = &[action];
        self.transaction("change_registration_lock", async |transaction| {
            let change = Change::Account(change);
            match authorize_change(&transaction, proof, change, now).await? {
                Err(denied) => transaction.rollback(Err(denied)).await,
                // The hash of this very call stands.
                Ok(None) => transaction.rollback(Ok(true)).await,
                Ok(Some(allowed)) => {
                    transaction.fetch_all::<()>(statement, parameters).await?;
                    transaction.commit(Ok(allowed.used_verification)).await
                }
            }
        })
        .await
    }
}

//! The set of backup codes of an account, replaced as a whole.

use domain::access::Action;
use domain::ids::UserId;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::access::authorize::{Authorized, authorize};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement};
use crate::store::transaction::Transaction;

static DELETE_BACKUP_CODES: LazyStatement = LazyStatement::new(|| {
    let sql = "DELETE FROM auth.backup_codes WHERE user_id = :user";
    Statement::new("delete_backup_codes", sql, [("user", Type::UUID)])
});

/// Behind the deletion, as a statement of its own: a row of before may have the same selector.
static INSERT_BACKUP_CODES: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "insert_backup_codes",
        "INSERT INTO auth.backup_codes (id, user_id, selector, code_hash, pepper, created_at)
         SELECT c.id, :user, c.selector, c.code_hash, c.pepper, :now
           FROM unnest(:ids::uuid[], :selectors::int2[], :hashes::text[], :peppers::text[])
                AS c (id, selector, code_hash, pepper)
          WHERE EXISTS (SELECT FROM auth.users_auth WHERE id = :user AND two_factor_enabled)",
        [
            ("user", Type::UUID),
            ("ids", Type::UUID_ARRAY),
            ("selectors", Type::INT2_ARRAY),
            ("hashes", Type::TEXT_ARRAY),
            ("peppers", Type::TEXT_ARRAY),
            ("now", Type::TIMESTAMPTZ),
        ],
    )
});

static RECORD_REPLACEMENT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH cause AS (SELECT :user AS user_id), {audit} SELECT 1 AS recorded",
        audit = audit("cause"),
    );
    let types = [("user", Type::UUID), ("now", Type::TIMESTAMPTZ), AUDIT_ENTRY, AUDIT_PERSONAL];
    Statement::new("record_backup_codes", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&DELETE_BACKUP_CODES, &INSERT_BACKUP_CODES, &RECORD_REPLACEMENT];

/// A backup code as it is stored.
#[derive(Clone, Debug)]
pub struct NewBackupCode {
    pub id: Uuid,
    pub selector: i16,
    /// bcrypt.
    pub hash: String,
    pub pepper: String,
}

/// Replaces the codes of a user, whose account is locked.
pub(super) async fn replace(
    transaction: &Transaction<'_>,
    user: UserId,
    codes: &[NewBackupCode],
    now: Timestamp,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = codes.iter().map(|code| code.id).collect();
    let selectors: Vec<i16> = codes.iter().map(|code| code.selector).collect();
    let hashes: Vec<&str> = codes.iter().map(|code| code.hash.as_str()).collect();
    let peppers: Vec<&str> = codes.iter().map(|code| code.pepper.as_str()).collect();
    let at = SystemTime::from(now);
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("ids", &ids),
        ("selectors", &selectors),
        ("hashes", &hashes),
        ("peppers", &peppers),
        ("now", &at),
    ];
    let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
    let (deleted, inserted) = tokio::join!(
        biased;
        transaction.fetch_all::<()>(&DELETE_BACKUP_CODES, of_user),
        transaction.fetch_all::<()>(&INSERT_BACKUP_CODES, parameters),
    );
    deleted?;
    inserted.map(drop)
}

impl Store {
    /// Replaces the backup codes of the caller. A repeat of this call finds its own.
    pub async fn replace_backup_codes(
        &self,
        proof: &FreshProof,
        codes: &[NewBackupCode],
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Result<(), AccessDenied>, StoreError> {
        let (at, user) = (SystemTime::from(now), proof.principal().user);
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("now", &at),
            ("audit_entry", &entry.entry),
            ("audit_personal", &entry.personal),
        ];
        self.transaction("replace_backup_codes", async |transaction| {
            match authorize(&transaction, proof, Action::ChangeSecondFactor, now).await? {
                Err(denied) => return transaction.rollback(Err(denied)).await,
                Ok(Authorized::Before) => return transaction.rollback(Ok(())).await,
                Ok(Authorized::Now) => {}
            }
            replace(&transaction, user, codes, now).await?;
            transaction.fetch_all::<()>(&RECORD_REPLACEMENT, parameters).await?;
            transaction.commit(Ok(())).await
        })
        .await
    }
}

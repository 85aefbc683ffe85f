//! Unproven claims: identity keys of clients that cannot show the private half. A claim ends when
//! another user shows it.

use domain::ids::UserId;
use domain::prekey::IdentityKey;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::delete::{TYPES, delete};
use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

/// The claim may be proven while its account is being locked: both statements ask.
const UNPROVEN: &str = "identity = :identity AND NOT proven";

/// The account of a claim, under whose lock its keys change.
static LOCK_UNPROVEN_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT u.id FROM auth.users_auth u
          WHERE u.id = (SELECT user_id FROM auth.identity_keys WHERE {UNPROVEN})
            FOR NO KEY UPDATE"
    );
    Statement::new("lock_unproven_account", &sql, [("identity", Type::BYTEA)])
});

row_struct! {
    struct AccountRow { id: Uuid }
}

static END_UNPROVEN_CLAIM: LazyStatement = LazyStatement::new(|| {
    let sql = delete("", UNPROVEN, "EXISTS (SELECT FROM gone) AS has_ended");
    let own = [("identity", Type::BYTEA)];
    Statement::new("end_unproven_claim", &sql, [&TYPES[..], &own].concat()).queued_when("has_ended")
});

row_struct! {
    struct EndedRow { has_ended: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&LOCK_UNPROVEN_ACCOUNT, &END_UNPROVEN_CLAIM];

impl Store {
    /// Deletes the keys of the device that has this identity key without having proven it; the
    /// audit entry is that of its user. False if there is none: the key is proven, or free again.
    pub async fn end_unproven_claim(
        &self,
        identity: &IdentityKey,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let result = self.transaction("end_unproven_claim", |transaction| {
            end_unproven_claim(transaction, identity, now, audit)
        });
        result.await
    }
}

async fn end_unproven_claim(
    transaction: Transaction<'_>,
    identity: &IdentityKey,
    now: Timestamp,
    audit: &AuditEntry,
) -> Result<Ended<bool>, StoreError> {
    let identity = identity.public().as_bytes().as_slice();
    let lock: &[Parameter<'_>] = &[("identity", &identity)];
    let account: Option<AccountRow> =
        transaction.fetch_optional(&LOCK_UNPROVEN_ACCOUNT, lock).await?;
    let Some(account) = account else { return transaction.rollback(false).await };
    let user = UserId::from_uuid(account.id);
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("now", &SystemTime::from(now)),
        ("audit_entry", &audit.entry),
        ("audit_personal", &audit.personal),
        ("identity", &identity),
    ];
    let ended: EndedRow = transaction.fetch_one(&END_UNPROVEN_CLAIM, parameters).await?;
    transaction.commit(ended.has_ended).await
}

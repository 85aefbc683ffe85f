//! Accounts that lost their number: each is deleted in a transaction of its own, as by its user.

use domain::ids::UserId;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::account::DeletedAccount;
use crate::store::account::delete::delete;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Leaves accounts that another run deletes, or that get a number again at this moment.
static LOCK_RELEASED_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_released_account",
        "SELECT r.user_id
           FROM auth.released_accounts r JOIN auth.users_auth u ON u.id = r.user_id
          WHERE r.released_at <= :before AND u.phone_number IS NULL
          ORDER BY r.released_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        [("before", Type::TIMESTAMPTZ)],
    )
});

row_struct! {
    struct ReleasedRow { user_id: Uuid }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_RELEASED_ACCOUNT];

impl Store {
    /// Deletes one account that lost its number before a time. None if there is none left.
    pub async fn delete_released_account(
        &self,
        released_before: Timestamp,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Option<(UserId, DeletedAccount)>, StoreError> {
        let before = SystemTime::from(released_before);
        let parameters: &[Parameter<'_>] = &[("before", &before)];
        self.transaction("delete_released_account", async |transaction| {
            let row: Option<ReleasedRow> =
                transaction.fetch_optional(&LOCK_RELEASED_ACCOUNT, parameters).await?;
            let Some(row) = row else { return transaction.rollback(None).await };
            let user = UserId::from_uuid(row.user_id);
            // Its identity keys were retired when it lost its number.
            let deleted = delete(&transaction, user, &[], now, audit).await?;
            transaction.commit(deleted.map(|deleted| (user, deleted))).await
        })
        .await
    }
}

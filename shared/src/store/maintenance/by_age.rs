//! Tables with an index on the time that counts: their oldest rows are deleted.

use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::BATCH_ROWS;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Statement, row_struct};

/// Deletes the rows of the table whose `time` is oldest, up to `:before`.
fn delete_oldest(name: &'static str, table: &str, key: &str, time: &str) -> Statement {
    let sql = format!(
        "WITH due AS MATERIALIZED (
           SELECT {key} FROM auth.{table} WHERE {time} <= :before
            ORDER BY {time} LIMIT {BATCH_ROWS} FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.{table} WHERE {key} = ANY (ARRAY(SELECT {key} FROM due))
           RETURNING {key})
         SELECT count(*) AS deleted FROM deleted"
    );
    Statement::new(name, &sql, [("before", Type::TIMESTAMPTZ)])
}

static DELETE_OLD_LOGINS: LazyStatement =
    LazyStatement::new(|| delete_oldest("delete_old_logins", "login_history", "id", "created_at"));

static DELETE_DELIVERED_EVENTS: LazyStatement = LazyStatement::new(|| {
    delete_oldest("delete_delivered_events", "outbox", "seq", "delivered_at")
});

static DELETE_USED_VERIFICATIONS: LazyStatement = LazyStatement::new(|| {
    let (table, key) = ("used_verifications", "verification_id");
    delete_oldest("delete_used_verifications", table, key, "used_at")
});

/// No count of such an age is read again: Redis has forgotten it.
static DELETE_HOURLY_EVENTS: LazyStatement = LazyStatement::new(|| {
    delete_oldest("delete_hourly_events", "hourly_events", "event_id", "entered_at")
});

static DELETE_OLD_CHANGES: LazyStatement = LazyStatement::new(|| {
    delete_oldest("delete_old_account_changes", "account_changes", "call", "changed_at")
});

/// A repeat of such an age is a new call.
static DELETE_OPERATOR_CALLS: LazyStatement = LazyStatement::new(|| {
    delete_oldest("delete_operator_calls", "operator_calls", "request_id", "called_at")
});

row_struct! {
    struct DeletedRow { deleted: i64 }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[
    &DELETE_OLD_LOGINS,
    &DELETE_DELIVERED_EVENTS,
    &DELETE_USED_VERIFICATIONS,
    &DELETE_HOURLY_EVENTS,
    &DELETE_OLD_CHANGES,
    &DELETE_OPERATOR_CALLS,
];

/// Each deletes one batch and gives the number of rows. Fewer than [`BATCH_ROWS`] means that
/// no row is left, or that a request or another run holds it.
impl Store {
    pub async fn delete_old_logins(&self, created_before: Timestamp) -> Result<i64, StoreError> {
        self.delete_oldest(&DELETE_OLD_LOGINS, created_before).await
    }

    pub async fn delete_delivered_events(
        &self,
        delivered_before: Timestamp,
    ) -> Result<i64, StoreError> {
        self.delete_oldest(&DELETE_DELIVERED_EVENTS, delivered_before).await
    }

    pub async fn delete_used_verifications(
        &self,
        used_before: Timestamp,
    ) -> Result<i64, StoreError> {
        self.delete_oldest(&DELETE_USED_VERIFICATIONS, used_before).await
    }

    /// The ids of events that are entered by the hour. The entries stay.
    pub async fn delete_hourly_events(&self, entered_before: Timestamp) -> Result<i64, StoreError> {
        self.delete_oldest(&DELETE_HOURLY_EVENTS, entered_before).await
    }

    pub async fn delete_old_account_changes(
        &self,
        changed_before: Timestamp,
    ) -> Result<i64, StoreError> {
        self.delete_oldest(&DELETE_OLD_CHANGES, changed_before).await
    }

    /// Changes by operators. What they changed stays.
    pub async fn delete_operator_calls(&self, called_before: Timestamp) -> Result<i64, StoreError> {
        self.delete_oldest(&DELETE_OPERATOR_CALLS, called_before).await
    }

    async fn delete_oldest(
        &self,
        statement: &'static Statement,
        before: Timestamp,
    ) -> Result<i64, StoreError> {
        let before = SystemTime::from(before);
        let row: DeletedRow = self.fetch_one(statement, &[("before", &before)]).await?;
        Ok(row.deleted)
    }
}

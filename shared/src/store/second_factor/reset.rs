//! Resets of the second factor that an operator asked for: a verified device cancels one, or it takes
//! effect. From that time on the second factor counts as disabled wherever it is read; here it is deleted.

use domain::ids::UserId;
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::access::authorize::LOCK_ACCOUNT;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::notice_to_devices;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Sessions stay: they were made under the second factor. What they have shown of it is forgotten, since
/// it would count for the next one.
static APPLY_RESET: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH due AS (
           DELETE FROM auth.second_factor_resets WHERE user_id = :user AND effective_at <= :now
           RETURNING user_id),
         reset AS (
           UPDATE auth.users_auth
              SET two_factor_enabled = false, two_factor_secret = NULL,
                  two_factor_pending_secret = NULL, two_factor_pending_session = NULL,
                  two_factor_pending_at = NULL, updated_at = :now
            WHERE id IN (SELECT user_id FROM due) AND two_factor_enabled
           RETURNING id AS user_id),
         codes AS (
           DELETE FROM auth.backup_codes WHERE user_id IN (SELECT user_id FROM reset)),
         stepped_up AS (
           UPDATE auth.sessions SET stepped_up_at = NULL
            WHERE user_id IN (SELECT user_id FROM reset) AND stepped_up_at IS NOT NULL),
         {audit}
         SELECT 1 AS reset FROM reset",
        audit = audit("reset"),
    );
    let types = [("user", Type::UUID), ("now", Type::TIMESTAMPTZ), AUDIT_ENTRY, AUDIT_PERSONAL];
    Statement::new("apply_second_factor_reset", &sql, types)
});

/// No row if the session has ended.
static CANCEL_RESET: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH device AS (
           SELECT d.is_verified, d.user_id
             FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
            WHERE s.id = :session AND s.user_id = :user AND s.revoked_at IS NULL),
         cancelled AS (
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM device WHERE is_verified) AND effective_at > :now
           RETURNING user_id),
         {notice},
         {audit}
         SELECT is_verified, EXISTS (SELECT FROM cancelled) AS is_cancelled FROM device",
        notice = notice_to_devices("cancelled", "second_factor_reset_cancelled"),
        audit = audit("cancelled"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("cancel_second_factor_reset", &sql, types).queued_when("is_cancelled")
});

row_struct! {
    struct CancelRow { is_verified: bool }
}

static LIST_DUE_RESETS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "list_due_second_factor_resets",
        "SELECT user_id FROM auth.second_factor_resets WHERE effective_at <= :now
          ORDER BY effective_at LIMIT :most",
        [("now", Type::TIMESTAMPTZ), ("most", Type::INT8)],
    )
});

row_struct! {
    struct DueRow { user_id: Uuid }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&APPLY_RESET, &CANCEL_RESET, &LIST_DUE_RESETS];

/// What became of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetCancelled {
    /// No reset is pending any more, or none was.
    NonePending,
    SessionEnded,
    /// Only a verified device may cancel.
    DeviceUnverified,
}

impl Store {
    /// Deletes a second factor whose reset takes effect. A repeat finds nothing to do.
    pub async fn apply_second_factor_reset(
        &self,
        user: UserId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let lock: &[Parameter<'_>] = &[("user", user.as_uuid())];
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        self.transaction("apply_second_factor_reset", async |transaction| {
            let applied =
                transaction.commit_with((&LOCK_ACCOUNT, lock), (&APPLY_RESET, parameters)).await?;
            Ok(applied.map(|_: Vec<()>| ()))
        })
        .await
    }

    /// Cancels the reset of the caller's account that is not in effect yet.
    pub async fn cancel_second_factor_reset(
        &self,
        principal: Principal,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<ResetCancelled, StoreError> {
        let lock: &[Parameter<'_>] = &[("user", principal.user.as_uuid())];
        let parameters: &[Parameter<'_>] = &[
            ("user", principal.user.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("timestamp", &now.millis()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        self.transaction("cancel_second_factor_reset", async |transaction| {
            let rows =
                transaction.commit_with((&LOCK_ACCOUNT, lock), (&CANCEL_RESET, parameters)).await?;
            Ok(rows.map(|rows: Vec<CancelRow>| match rows.first() {
                None => ResetCancelled::SessionEnded,
                Some(row) if row.is_verified => ResetCancelled::NonePending,
                Some(_) => ResetCancelled::DeviceUnverified,
            }))
        })
        .await
    }

    /// Accounts whose reset takes effect and is not applied yet, those that wait longest first.
    pub async fn list_due_second_factor_resets(
        &self,
        now: Timestamp,
        most: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let parameters: &[Parameter<'_>] = &[("now", &SystemTime::from(now)), ("most", &most)];
        let rows: Vec<DueRow> = self.fetch_all(&LIST_DUE_RESETS, parameters).await?;
        Ok(rows.into_iter().map(|row| UserId::from_uuid(row.user_id)).collect())
    }
}

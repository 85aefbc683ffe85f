//! A session shows the second factor.

use domain::ids::CallId;
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::audit::AuditEntry;
use crate::store::access::second_factor::spend;
use crate::store::access::{AccessDenied, SecondFactorClaim};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit_once};
use crate::store::statement::{LazyStatement, Parameter, Statement};

/// Every change of an account locks its row first, so that none waits for another in a circle.
static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = "SELECT FROM auth.users_auth WHERE id = :user AND two_factor_enabled FOR UPDATE";
    Statement::new("lock_second_factor", sql, [("user", Type::UUID)])
});

static STEP_UP: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH stepped_up AS (
           UPDATE auth.sessions SET stepped_up_at = :now
            WHERE id = :session AND user_id = :user AND revoked_at IS NULL
           RETURNING id, user_id),
         {audit}
         SELECT id FROM stepped_up",
        audit = audit_once("stepped_up"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("step_up_session", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_ACCOUNT, &STEP_UP];

impl Store {
    /// Spends a right code for a step-up of the session. A repeat of this call finds
    /// its own work.
    pub async fn step_up(
        &self,
        principal: Principal,
        claim: &SecondFactorClaim,
        call: CallId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<(), AccessDenied>, StoreError> {
        let Principal { user, session, .. } = principal;
        let at = SystemTime::from(now);
        let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
        let of_session: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("session", session.as_uuid()),
            ("now", &at),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        self.transaction("step_up", async |transaction| {
            let locked: Option<()> = transaction.fetch_optional(&LOCK_ACCOUNT, of_user).await?;
            if locked.is_none() || !spend(&transaction, user, claim, call.as_uuid()).await? {
                return transaction.rollback(Err(AccessDenied::SecondFactorSpent)).await;
            }
            let stepped_up: Option<()> = transaction.fetch_optional(&STEP_UP, of_session).await?;
            match stepped_up {
                Some(()) => transaction.commit(Ok(())).await,
                None => transaction.rollback(Err(AccessDenied::SessionEnded)).await,
            }
        })
        .await
    }
}

//! Disables the second factor. Secret and backup codes are deleted, and all other sessions end.

use domain::access::Action;
use domain::ids::SessionId;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::enable::all_ended;
use crate::audit::AuditEntry;
use crate::store::access::authorize::{Authorized, authorize};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::sessions::end::{ENDED_BY_CALL, EndedRow, ended_sessions, session_ids};
use crate::store::statement::{LazyStatement, Parameter, Statement};

/// The step-up of the own session goes too: it would count for the next second factor.
static DISABLE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH disabled AS (
           UPDATE auth.users_auth
              SET two_factor_enabled = false, two_factor_secret = NULL,
                  two_factor_pending_secret = NULL, two_factor_pending_session = NULL,
                  two_factor_pending_at = NULL, updated_at = :now
            WHERE id = :user AND two_factor_enabled
           RETURNING id AS user_id),
         deleted AS (
           DELETE FROM auth.backup_codes WHERE user_id IN (SELECT user_id FROM disabled)),
         no_reset AS (
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM disabled)),
         own AS (
           UPDATE auth.sessions SET stepped_up_at = NULL
            WHERE id = :session AND EXISTS (SELECT FROM disabled)),
         {ended},
         {audit}
         SELECT array(SELECT id FROM tombstones) AS ended",
        ended = ended_sessions(
            "second_factor_changed",
            "id <> :session AND EXISTS (SELECT FROM disabled)",
        ),
        audit = audit("disabled"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("call", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("disable_second_factor", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&DISABLE];

impl Store {
    /// Disables the second factor, which the proof shows. Gives the sessions that need a tombstone.
    pub async fn disable_second_factor(
        &self,
        proof: &FreshProof,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Result<Vec<SessionId>, AccessDenied>, StoreError> {
        let (principal, call) = (proof.principal(), proof.call());
        let parameters: &[Parameter<'_>] = &[
            ("user", principal.user.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("call", call.as_uuid()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &entry.entry),
            ("audit_personal", &entry.personal),
        ];
        let of_call: &[Parameter<'_>] =
            &[("user", principal.user.as_uuid()), ("call", call.as_uuid())];
        self.transaction("disable_second_factor", async |transaction| {
            match authorize(&transaction, proof, Action::ChangeSecondFactor, now).await? {
                Err(denied) => return transaction.rollback(Err(denied)).await,
                Ok(Authorized::Before) => {
                    let rows = transaction.rollback_with(&ENDED_BY_CALL, of_call).await?;
                    return Ok(rows.map(|rows| Ok(all_ended(rows))));
                }
                Ok(Authorized::Now) => {}
            }
            let row: EndedRow = transaction.fetch_one(&DISABLE, parameters).await?;
            transaction.commit(Ok(session_ids(row.ended))).await
        })
        .await
    }
}

//! Enables the pending secret of a session. All other sessions end.

use domain::access::Action;
use domain::ids::SessionId;
use domain::second_factor::PENDING_TTL;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::backup_codes::{NewBackupCode, replace};
use crate::audit::AuditEntry;
use crate::store::access::authorize::{Authorized, authorize};
use crate::store::access::{AccessDenied, FreshProof, PROOF_TTL};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::sessions::end::{ENDED_BY_CALL, EndedRow, ended_sessions, session_ids};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// The code that enables is spent with it. Shipped clients prove no number here: they end no
/// session of others unless the number was proven all the same.
static ENABLE: LazyStatement = LazyStatement::new(|| {
    let others = "id <> :session AND EXISTS (SELECT FROM enabled) AND (NOT :is_shipped
        OR EXISTS (SELECT FROM auth.sessions own WHERE own.id = :session
                    AND own.auth_time >= :proof_since)
        OR EXISTS (SELECT FROM enabled WHERE phone_number = :proven))";
    let sql = format!(
        "WITH enabled AS (
           UPDATE auth.users_auth
              SET two_factor_enabled = true, two_factor_secret = two_factor_pending_secret,
                  two_factor_last_step = :step, two_factor_last_call = :call,
                  two_factor_pending_secret = NULL, two_factor_pending_session = NULL,
                  two_factor_pending_at = NULL, updated_at = :now
            WHERE id = :user AND NOT two_factor_enabled AND two_factor_pending_secret = :secret
              AND two_factor_pending_session = :session
              AND two_factor_pending_at > :pending_since AND two_factor_last_step < :step
           RETURNING id AS user_id, phone_number),
         no_reset AS ( -- it was asked for another second factor than this one
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM enabled)),
         {ended},
         {audit}
         SELECT EXISTS (SELECT FROM enabled) AS is_enabled,
                array(SELECT id FROM tombstones) AS ended",
        ended = ended_sessions("second_factor_changed", others),
        audit = audit("enabled"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("call", Type::UUID),
        ("secret", Type::BYTEA),
        ("step", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        ("pending_since", Type::TIMESTAMPTZ),
        ("proof_since", Type::TIMESTAMPTZ),
        ("is_shipped", Type::BOOL),
        ("proven", Type::TEXT),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("enable_second_factor", &sql, types).queued_when("is_enabled")
});

row_struct! {
    struct EnabledRow { is_enabled: bool, ended: Vec<uuid::Uuid> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&ENABLE];

/// The right code of a pending secret.
#[derive(Clone, Debug)]
pub struct EnabledBy {
    /// As it is stored.
    pub secret: Vec<u8>,
    pub step: i64,
}

#[derive(Debug)]
pub enum EnableOutcome {
    /// The sessions that need a tombstone.
    Enabled(Vec<SessionId>),
    /// Meanwhile another secret was set up, one was enabled, or the step was used.
    Changed,
}

impl Store {
    /// Enables the second factor with a set of backup codes.
    pub async fn enable_second_factor(
        &self,
        proof: &FreshProof,
        by: &EnabledBy,
        codes: &[NewBackupCode],
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Result<EnableOutcome, AccessDenied>, StoreError> {
        let (principal, call) = (proof.principal(), proof.call());
        let parameters: &[Parameter<'_>] = &[
            ("user", principal.user.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("call", call.as_uuid()),
            ("secret", &by.secret),
            ("step", &by.step),
            ("now", &SystemTime::from(now)),
            ("pending_since", &SystemTime::from(now - PENDING_TTL)),
            ("proof_since", &SystemTime::from(now - PROOF_TTL)),
            ("is_shipped", &proof.serves_shipped_clients),
            ("proven", &proof.proven_phone()),
            ("audit_entry", &entry.entry),
            ("audit_personal", &entry.personal),
        ];
        let of_call: &[Parameter<'_>] =
            &[("user", principal.user.as_uuid()), ("call", call.as_uuid())];
        self.transaction("enable_second_factor", async |transaction| {
            match authorize(&transaction, proof, Action::EnableSecondFactor, now).await? {
                Err(denied) => return transaction.rollback(Err(denied)).await,
                Ok(Authorized::Before) => {
                    let rows = transaction.rollback_with(&ENDED_BY_CALL, of_call).await?;
                    return Ok(rows.map(|rows| Ok(EnableOutcome::Enabled(all_ended(rows)))));
                }
                Ok(Authorized::Now) => {}
            }
            let row: EnabledRow = transaction.fetch_one(&ENABLE, parameters).await?;
            if !row.is_enabled {
                return transaction.rollback(Ok(EnableOutcome::Changed)).await;
            }
            replace(&transaction, principal.user, codes, now).await?;
            transaction.commit(Ok(EnableOutcome::Enabled(session_ids(row.ended)))).await
        })
        .await
    }
}

pub(super) fn all_ended(rows: Vec<EndedRow>) -> Vec<SessionId> {
    rows.into_iter().flat_map(|row| session_ids(row.ended)).collect()
}

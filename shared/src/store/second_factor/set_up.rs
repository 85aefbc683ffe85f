//! Stores a secret that is not enabled yet, for one session.

use domain::access::Action;
use domain::second_factor::PENDING_TTL;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::audit::AuditEntry;
use crate::store::access::authorize::authorize;
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit_once};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// The session that has a secret gets it again; any other session gets the new one.
static SET_UP: LazyStatement = LazyStatement::new(|| {
    let is_pending = "two_factor_pending_session = :session
        AND two_factor_pending_at > :pending_since AND two_factor_pending_secret IS NOT NULL";
    let sql = format!(
        "WITH set_up AS (
           UPDATE auth.users_auth
              SET two_factor_pending_secret =
                    CASE WHEN {is_pending} THEN two_factor_pending_secret ELSE :secret END,
                  two_factor_pending_at =
                    CASE WHEN {is_pending} THEN two_factor_pending_at ELSE :now END,
                  two_factor_pending_session = :session
            WHERE id = :user AND NOT two_factor_enabled
           RETURNING id AS user_id, two_factor_pending_secret AS secret),
         cause AS (SELECT user_id FROM set_up WHERE secret = :secret),
         {audit}
         SELECT secret FROM set_up",
        audit = audit_once("cause"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("secret", Type::BYTEA),
        ("now", Type::TIMESTAMPTZ),
        ("pending_since", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("set_up_second_factor", &sql, types)
});

row_struct! {
    struct PendingRow { secret: Vec<u8> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&SET_UP];

#[derive(Debug)]
pub enum SetUpOutcome {
    /// The secret of this session: this one, or one that it was shown before. Encrypted.
    Pending(Vec<u8>),
    AlreadyEnabled,
}

impl Store {
    /// Stores a new secret, encrypted, for the session of the caller.
    pub async fn set_up_second_factor(
        &self,
        proof: &FreshProof,
        secret: &[u8],
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<SetUpOutcome, AccessDenied>, StoreError> {
        let principal = proof.principal();
        let parameters: &[Parameter<'_>] = &[
            ("user", principal.user.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("secret", &secret),
            ("now", &SystemTime::from(now)),
            ("pending_since", &SystemTime::from(now - PENDING_TTL)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        self.transaction("set_up_second_factor", async |transaction| {
            // A repeat of this call finds the secret of its session.
            if let Err(denied) =
                authorize(&transaction, proof, Action::EnableSecondFactor, now).await?
            {
                return transaction.rollback(Err(denied)).await;
            }
            let row: Option<PendingRow> = transaction.fetch_optional(&SET_UP, parameters).await?;
            match row {
                Some(row) => transaction.commit(Ok(SetUpOutcome::Pending(row.secret))).await,
                None => transaction.rollback(Ok(SetUpOutcome::AlreadyEnabled)).await,
            }
        })
        .await
    }
}

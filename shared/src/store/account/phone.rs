//! Changes the number of an account. Its other sessions end, and the old number is told.

use domain::access::Action;
use domain::ids::{SessionId, VerificationId};
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::{StoreError, map_constraint};
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::{notice_to_devices, notice_to_phone};
use crate::store::sessions::end::{ENDED_BY_CALL, EndedRow, ended_sessions, session_ids};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Consumes the verification of the new number. Nothing else is written where another call has used it.
pub(in crate::store) const USED_VERIFICATION: &str = "used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           VALUES (:verification, :call, :now)
           ON CONFLICT DO NOTHING RETURNING 1)";

/// The account with its old number. None if the verification is used, or proves the number that the
/// account has.
pub(in crate::store) const BEFORE: &str = "before AS MATERIALIZED (
           SELECT id AS user_id, phone_number FROM auth.users_auth
            WHERE id = :user AND phone_number <> :phone AND EXISTS (SELECT FROM used))";

/// Gives the account in the CTE `before` the new number.
pub(in crate::store) const CHANGED: &str = "changed AS (
           UPDATE auth.users_auth
              SET phone_number = :phone, log_ins_stopped_since = NULL, updated_at = :now
            WHERE id = (SELECT user_id FROM before)
           RETURNING id AS user_id)";

/// Tells other services the number, for each row of the CTE `changed`.
pub(in crate::store) const CHANGED_EVENT: &str = "changed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.phone_changed',
                  jsonb_build_object('userId', user_id, 'phoneNumber', :phone,
                                     'timestamp', :timestamp), :now
             FROM changed)";

static CHANGE_PHONE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH {USED_VERIFICATION},
         {BEFORE},
         {CHANGED},
         {ended},
         {CHANGED_EVENT},
         {old_number},
         {devices},
         {audit}
         SELECT EXISTS (SELECT FROM used) AS is_used, EXISTS (SELECT FROM changed) AS is_changed,
                array(SELECT id FROM tombstones) AS ended",
        ended = ended_sessions("phone_changed", "id <> :session AND EXISTS (SELECT FROM changed)",),
        old_number = notice_to_phone("before", "phone_changed"),
        devices = notice_to_devices("changed", "phone_changed"),
        audit = audit("changed"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("call", Type::UUID),
        ("phone", Type::TEXT),
        ("verification", Type::UUID),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("change_phone", &sql, types).queued_when("is_changed")
});

row_struct! {
    struct ChangedRow { is_used: bool, is_changed: bool, ended: Vec<Uuid> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&CHANGE_PHONE];

/// A number, and the verification that proves it.
#[derive(Debug)]
pub struct NewPhone {
    pub phone: PhoneNumber,
    pub verification: VerificationId,
}

#[derive(Debug)]
pub enum PhoneChange {
    Changed {
        /// The sessions that need a tombstone.
        ended: Vec<SessionId>,
        /// Whether the proof of the current number was needed, and is used.
        used_proof: bool,
    },
    /// Another request consumed the verification of the new number first.
    VerificationUsed,
    /// The number has an account: this one or another.
    AccountExists,
}

impl Store {
    /// Gives the account another number.
    pub async fn change_phone(
        &self,
        proof: &FreshProof,
        new: &NewPhone,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<PhoneChange, AccessDenied>, StoreError> {
        let (principal, call) = (proof.principal(), proof.call());
        let of_call: &[Parameter<'_>] =
            &[("user", principal.user.as_uuid()), ("call", call.as_uuid())];
        let parameters: &[Parameter<'_>] = &[
            ("user", principal.user.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("call", call.as_uuid()),
            ("phone", &new.phone.as_e164()),
            ("verification", new.verification.as_uuid()),
            ("timestamp", &now.millis()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        let change = Change::Account(&[Action::ChangePhone]);
        let result = self.transaction("change_phone", async |transaction| {
            let allowed = match authorize_change(&transaction, proof, change, now).await? {
                Err(denied) => return transaction.rollback(Err(denied)).await,
                Ok(None) => {
                    let rows = transaction.rollback_with(&ENDED_BY_CALL, of_call).await?;
                    return Ok(rows.map(|rows: Vec<EndedRow>| {
                        let ended = rows.into_iter().flat_map(|row| session_ids(row.ended));
                        Ok(PhoneChange::Changed { ended: ended.collect(), used_proof: true })
                    }));
                }
                Ok(Some(allowed)) => allowed,
            };
            let row: ChangedRow = transaction.fetch_one(&CHANGE_PHONE, parameters).await?;
            if !row.is_used {
                return transaction.rollback(Ok(PhoneChange::VerificationUsed)).await;
            }
            if !row.is_changed {
                return transaction.rollback(Ok(PhoneChange::AccountExists)).await;
            }
            let (ended, used_proof) = (session_ids(row.ended), allowed.used_verification);
            transaction.commit(Ok(PhoneChange::Changed { ended, used_proof })).await
        });
        map_constraint(result.await, |constraint| {
            (constraint == "users_auth_phone_number_key").then_some(Ok(PhoneChange::AccountExists))
        })
    }
}

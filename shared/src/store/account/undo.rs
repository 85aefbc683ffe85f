//! Takes back changes of second factor, lock and number: for a few days an older device, which shows an
//! earlier token and the number of then, brings back what was before a younger device changed it.

use domain::access::UNDO_PERIOD;
use domain::ids::{CallId, SessionId, UserId, VerificationId};
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::{StoreError, map_constraint};
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::notice_to_devices;
use crate::store::sessions::end::{ENDED_BY_CALL, EndedRow, ended_sessions, session_ids};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

/// The account of an earlier token. Unlike at log-in, a session that a change of the second factor has
/// ended counts. `device_removed` never meets a row: the session goes with its device.
static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account_for_undo",
        "SELECT u.id, u.last_change_call FROM auth.users_auth u
          WHERE u.id = (SELECT s.user_id FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
                         WHERE s.id = :session AND d.is_verified
                           AND coalesce(s.revoked_for NOT IN
                                 ('logout_all', 'refresh_reused', 'device_removed'), true))
            FOR UPDATE",
        [("session", Type::UUID)],
    )
});

row_struct! {
    struct AccountRow { id: Uuid, last_change_call: Option<Uuid> }
}

/// The oldest change of a younger device under that number leads back to before all of them.
static UNDO: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH own AS (
           SELECT d.id AS device_id, d.user_id, coalesce(d.joined_at, d.created_at) AS joined_at
             FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
            WHERE s.id = :session AND s.user_id = :user AND d.is_verified),
         chosen AS MATERIALIZED (
           SELECT c.* FROM auth.account_changes c JOIN own o ON o.user_id = c.user_id
            WHERE c.phone_number = :phone AND c.changed_at > :since
              AND (c.device_joined_at, c.device_id) > (o.joined_at, o.device_id)
            ORDER BY c.seq LIMIT 1),
         used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           SELECT :verification, :call, :now FROM chosen
           ON CONFLICT DO NOTHING RETURNING 1),
         before AS MATERIALIZED (
           SELECT id AS user_id, phone_number FROM auth.users_auth WHERE id = :user),
         restored AS (
           UPDATE auth.users_auth u
              SET phone_number = c.phone_number, two_factor_enabled = c.two_factor_enabled,
                  two_factor_secret = c.two_factor_secret, two_factor_pending_secret = NULL,
                  two_factor_pending_session = NULL, two_factor_pending_at = NULL,
                  recovery_code_hash = c.recovery_code_hash, log_ins_stopped_since = NULL,
                  last_change_call = :call, updated_at = :now
             FROM chosen c WHERE u.id = c.user_id AND EXISTS (SELECT FROM used)
           RETURNING u.id AS user_id, u.phone_number),
         codes AS (
           DELETE FROM auth.backup_codes WHERE user_id IN (SELECT user_id FROM restored)),
         no_reset AS ( -- it was asked for another second factor than this one
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM restored)),
         forgotten AS (
           DELETE FROM auth.account_changes
            WHERE user_id IN (SELECT user_id FROM restored)
              AND seq >= (SELECT seq FROM chosen)),
         {ended},
         changed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT r.user_id, 'user.phone_changed',
                  jsonb_build_object('userId', r.user_id, 'phoneNumber', r.phone_number,
                                     'timestamp', :timestamp), :now
             FROM restored r JOIN before b ON b.user_id = r.user_id
            WHERE b.phone_number IS DISTINCT FROM r.phone_number),
         {notice},
         {audit}
         SELECT EXISTS (SELECT FROM chosen) AS is_found, EXISTS (SELECT FROM restored) AS is_restored,
                (SELECT backup_codes FROM chosen) AS backup_codes,
                array(SELECT id FROM tombstones) AS ended",
        ended = ended_sessions(
            "second_factor_changed",
            "device_id <> (SELECT device_id FROM own) AND EXISTS (SELECT FROM restored)",
        ),
        notice = notice_to_devices("restored", "change_undone"),
        audit = audit("restored"),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("phone", Type::TEXT),
        ("since", Type::TIMESTAMPTZ),
        ("verification", Type::UUID),
        ("call", Type::UUID),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("undo_changes", &sql, types).queued_when("is_restored")
});

row_struct! {
    struct UndoRow {
        is_found: bool,
        is_restored: bool,
        backup_codes: Option<serde_json::Value>,
        ended: Vec<Uuid>,
    }
}

static RESTORE_BACKUP_CODES: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "restore_backup_codes",
        "INSERT INTO auth.backup_codes
         SELECT * FROM jsonb_populate_recordset(NULL::auth.backup_codes, :codes)",
        [("codes", Type::JSONB)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&LOCK_ACCOUNT, &UNDO, &RESTORE_BACKUP_CODES];

/// What undoes a change.
#[derive(Debug)]
pub struct Undo {
    pub call: CallId,
    /// The session of an earlier token.
    pub session: SessionId,
    /// A number, and the verification that proves it.
    pub phone: PhoneNumber,
    pub verification: VerificationId,
    pub now: Timestamp,
    pub audit: AuditEntry,
}

#[derive(Debug)]
pub enum UndoOutcome {
    Undone {
        user: UserId,
        /// The sessions that need a tombstone.
        ended: Vec<SessionId>,
    },
    /// No younger device changed anything of late while the account had this number.
    NothingToUndo,
    VerificationUsed,
    /// The number has another account now.
    AccountExists,
}

impl Store {
    /// Brings back what an account was before younger devices changed it.
    pub async fn undo_changes(&self, undo: &Undo) -> Result<UndoOutcome, StoreError> {
        let result =
            self.transaction("undo_changes", |transaction| undo_changes(transaction, undo));
        map_constraint(result.await, |constraint| match constraint {
            "users_auth_phone_number_key" => Some(UndoOutcome::AccountExists),
            "used_verifications_pkey" => Some(UndoOutcome::VerificationUsed),
            _ => None,
        })
    }
}

async fn undo_changes(
    transaction: Transaction<'_>,
    undo: &Undo,
) -> Result<Ended<UndoOutcome>, StoreError> {
    let lock: &[Parameter<'_>] = &[("session", undo.session.as_uuid())];
    let account: Option<AccountRow> = transaction.fetch_optional(&LOCK_ACCOUNT, lock).await?;
    let Some(account) = account else {
        return transaction.rollback(UndoOutcome::NothingToUndo).await;
    };
    let user = UserId::from_uuid(account.id);
    if account.last_change_call.as_ref() == Some(undo.call.as_uuid()) {
        let of_call: &[Parameter<'_>] = &[("user", user.as_uuid()), ("call", undo.call.as_uuid())];
        let rows = transaction.rollback_with(&ENDED_BY_CALL, of_call).await?;
        return Ok(rows.map(|rows: Vec<EndedRow>| UndoOutcome::Undone {
            user,
            ended: rows.into_iter().flat_map(|row| session_ids(row.ended)).collect(),
        }));
    }
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("session", undo.session.as_uuid()),
        ("phone", &undo.phone.as_e164()),
        ("since", &SystemTime::from(undo.now - UNDO_PERIOD)),
        ("verification", undo.verification.as_uuid()),
        ("call", undo.call.as_uuid()),
        ("timestamp", &undo.now.millis()),
        ("now", &SystemTime::from(undo.now)),
        ("audit_entry", &undo.audit.entry),
        ("audit_personal", &undo.audit.personal),
    ];
    let row: UndoRow = transaction.fetch_one(&UNDO, parameters).await?;
    if !row.is_found {
        return transaction.rollback(UndoOutcome::NothingToUndo).await;
    }
    if !row.is_restored {
        return transaction.rollback(UndoOutcome::VerificationUsed).await;
    }
    let codes = row.backup_codes.unwrap_or_else(|| serde_json::Value::Array(Vec::new()));
    transaction.fetch_all::<()>(&RESTORE_BACKUP_CODES, &[("codes", &codes)]).await?;
    transaction.commit(UndoOutcome::Undone { user, ended: session_ids(row.ended) }).await
}

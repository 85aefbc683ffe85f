//! Gives an account a newly proven number: another one, or one again after it lost its own.

use domain::ids::VerificationId;
use domain::phone::PhoneNumber;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::call::{Claim, OperatorCall, OperatorChange, OperatorRefusal, claim, commit};
use crate::store::account::phone::{BEFORE, CHANGED, CHANGED_EVENT, USED_VERIFICATION};
use crate::store::connection::Store;
use crate::store::error::{StoreError, map_constraint};
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::{notice_to_devices, notice_to_phone};
use crate::store::sessions::end::ended_sessions;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Every device is older than an operator: any verified one can take the change back for a few days,
/// with the number of before and an earlier token. The device that changed it is none.
static CHANGE_PHONE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH {USED_VERIFICATION},
         {BEFORE},
         remembered AS (
           INSERT INTO auth.account_changes (call, user_id, device_id, device_joined_at, changed_at,
                  phone_number, two_factor_enabled, two_factor_secret, recovery_code_hash,
                  backup_codes)
           SELECT :call, u.id, '00000000-0000-0000-0000-000000000000', :now, :now, u.phone_number,
                  u.two_factor_enabled, u.two_factor_secret, u.recovery_code_hash,
                  coalesce((SELECT jsonb_agg(to_jsonb(b)) FROM auth.backup_codes b
                             WHERE b.user_id = u.id), '[]')
             FROM auth.users_auth u JOIN before b ON b.user_id = u.id),
         {CHANGED},
         {ended},
         {CHANGED_EVENT},
         {old_number},
         {devices},
         {audit}
         SELECT EXISTS (SELECT FROM used) AS is_used, EXISTS (SELECT FROM changed) AS is_changed,
                (SELECT count(*) FROM ended) AS ended, array(SELECT id FROM tombstones) AS tombstones",
        ended = ended_sessions("phone_changed", "EXISTS (SELECT FROM changed)"),
        old_number = notice_to_phone("before", "phone_changed"),
        devices = notice_to_devices("changed", "phone_changed"),
        audit = audit("changed"),
    );
    Statement::new("change_phone_by_operator", &sql, TYPES)
});

/// The account counts as used from now on: else its next log-in would find it idle.
static RESTORE_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH {USED_VERIFICATION},
         changed AS (
           UPDATE auth.users_auth
              SET phone_number = :phone, last_authenticated_at = :now, updated_at = :now
            WHERE id = :user AND phone_number IS NULL AND EXISTS (SELECT FROM used)
           RETURNING id AS user_id),
         kept AS (
           DELETE FROM auth.released_accounts WHERE user_id IN (SELECT user_id FROM changed)),
         {CHANGED_EVENT},
         {audit}
         SELECT EXISTS (SELECT FROM used) AS is_used, EXISTS (SELECT FROM changed) AS is_changed,
                0::int8 AS ended, '{{}}'::uuid[] AS tombstones",
        audit = audit("changed"),
    );
    Statement::new("restore_account", &sql, TYPES)
});

const TYPES: [(&str, Type); 8] = [
    ("user", Type::UUID),
    ("call", Type::UUID),
    ("phone", Type::TEXT),
    ("verification", Type::UUID),
    ("timestamp", Type::INT8),
    ("now", Type::TIMESTAMPTZ),
    AUDIT_ENTRY,
    AUDIT_PERSONAL,
];

row_struct! {
    struct ChangedRow { is_used: bool, is_changed: bool, ended: i64, tombstones: Vec<Uuid> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&CHANGE_PHONE, &RESTORE_ACCOUNT];

/// The number, and the verification that proves it. None if the verification proves nothing any more:
/// then only what an earlier call with the same id did counts.
#[derive(Debug)]
pub struct OperatorPhone {
    pub phone: Option<PhoneNumber>,
    pub verification: VerificationId,
}

impl Store {
    /// Gives an account another number. Its sessions end.
    pub async fn change_phone_by_operator(
        &self,
        call: &OperatorCall,
        new: &OperatorPhone,
    ) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
        self.give_number(call, new, false).await
    }

    /// Gives an account that lost its number one again.
    pub async fn restore_account(
        &self,
        call: &OperatorCall,
        new: &OperatorPhone,
    ) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
        self.give_number(call, new, true).await
    }

    async fn give_number(
        &self,
        call: &OperatorCall,
        new: &OperatorPhone,
        to_released: bool,
    ) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
        let result = self.transaction(call.operation, async |transaction| {
            let change = match claim(&transaction, call).await? {
                Claim::Answered(answer) => return transaction.rollback(answer).await,
                Claim::New(account) if account.is_released && !to_released => {
                    Err(OperatorRefusal::Released)
                }
                Claim::New(account) if !account.is_released && to_released => {
                    Err(OperatorRefusal::NotReleased)
                }
                Claim::New(_) => give(&transaction, call, new, to_released).await?,
            };
            match change {
                Ok(change) => commit(transaction, call, change).await,
                Err(refusal) => transaction.rollback(Err(refusal)).await,
            }
        });
        map_constraint(result.await, |constraint| {
            (constraint == "users_auth_phone_number_key")
                .then_some(Err(OperatorRefusal::AccountExists))
        })
    }
}

async fn give(
    transaction: &Transaction<'_>,
    call: &OperatorCall,
    new: &OperatorPhone,
    to_released: bool,
) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
    let Some(phone) = &new.phone else { return Ok(Err(OperatorRefusal::VerificationUsed)) };
    let parameters: &[Parameter<'_>] = &[
        ("user", call.user.as_uuid()),
        ("call", &call.request),
        ("phone", &phone.as_e164()),
        ("verification", new.verification.as_uuid()),
        ("timestamp", &call.now.millis()),
        ("now", &SystemTime::from(call.now)),
        ("audit_entry", &call.audit.entry),
        ("audit_personal", &call.audit.personal),
    ];
    let statement = if to_released { &RESTORE_ACCOUNT } else { &CHANGE_PHONE };
    let row: ChangedRow = transaction.fetch_one(statement, parameters).await?;
    Ok(match (row.is_used, row.is_changed) {
        (true, true) => Ok(OperatorChange::ended(row.ended, row.tombstones)),
        (true, false) => Err(OperatorRefusal::AccountExists),
        (false, _) => Err(OperatorRefusal::VerificationUsed),
    })
}

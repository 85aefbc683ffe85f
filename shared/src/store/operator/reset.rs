//! Asks for a reset of the second factor. The devices and the number are told, and it takes effect later
//! (`store::second_factor::reset`).

use domain::second_factor::RESET_DELAY;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::call::{Claim, OperatorCall, OperatorChange, OperatorRefusal, claim, commit};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::{notice_to_devices, notice_to_phone};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// A reset that was asked for already keeps its time, and nobody is told again.
static REQUEST_RESET: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH requested AS (
           INSERT INTO auth.second_factor_resets (user_id, requested_at, effective_at)
           VALUES (:user, :now, :effective_at)
           ON CONFLICT (user_id) DO NOTHING RETURNING user_id, effective_at),
         told AS (
           SELECT u.id AS user_id, u.phone_number
             FROM auth.users_auth u JOIN requested r ON r.user_id = u.id
            WHERE u.phone_number IS NOT NULL),
         {devices},
         {phone},
         {audit}
         SELECT effective_at FROM requested
         UNION ALL
         SELECT effective_at FROM auth.second_factor_resets WHERE user_id = :user",
        devices = notice_to_devices("requested", "second_factor_reset"),
        phone = notice_to_phone("told", "second_factor_reset"),
        audit = audit("requested"),
    );
    let types = [
        ("user", Type::UUID),
        ("effective_at", Type::TIMESTAMPTZ),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("request_second_factor_reset", &sql, types)
});

row_struct! {
    struct RequestedRow { effective_at: SystemTime }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&REQUEST_RESET];

impl Store {
    /// Asks for a reset of a second factor that is in force.
    pub async fn request_second_factor_reset(
        &self,
        call: &OperatorCall,
    ) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("user", call.user.as_uuid()),
            ("effective_at", &SystemTime::from(call.now + RESET_DELAY)),
            ("timestamp", &call.now.millis()),
            ("now", &SystemTime::from(call.now)),
            ("audit_entry", &call.audit.entry),
            ("audit_personal", &call.audit.personal),
        ];
        self.transaction("request_second_factor_reset", async |transaction| {
            match claim(&transaction, call).await? {
                Claim::Answered(answer) => return transaction.rollback(answer).await,
                Claim::New(account) if !account.two_factor_enabled => {
                    return transaction.rollback(Err(OperatorRefusal::NoSecondFactor)).await;
                }
                Claim::New(_) => {}
            }
            let row: RequestedRow = transaction.fetch_one(&REQUEST_RESET, parameters).await?;
            let effective_at = Timestamp::from(row.effective_at);
            if effective_at <= call.now {
                return transaction.rollback(Err(OperatorRefusal::NoSecondFactor)).await;
            }
            let effective_at = Some(effective_at);
            let change = OperatorChange { effective_at, ..OperatorChange::default() };
            commit(transaction, call, change).await
        })
        .await
    }
}

//! Ends sessions of an account: all, those of a device, or one. Their earlier tokens show nothing any
//! more, as after a log-out of all devices.

use domain::ids::{DeviceId, SessionId};
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::call::{Claim, OperatorCall, OperatorChange, OperatorRefusal, claim, commit};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::sessions::end::ended_sessions;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

static REVOKE_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let chosen = "(:device IS NULL OR device_id = :device) AND (:session IS NULL OR id = :session)";
    let sql = format!(
        "WITH account AS (SELECT id AS user_id FROM auth.users_auth WHERE id = :user),
         {ended},
         {audit}
         SELECT (SELECT count(*) FROM ended) AS ended, array(SELECT id FROM tombstones) AS tombstones",
        ended = ended_sessions("logout_all", chosen),
        audit = audit("account"),
    );
    let types = [
        ("user", Type::UUID),
        ("device", Type::UUID),
        ("session", Type::UUID),
        ("call", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("revoke_sessions", &sql, types)
});

row_struct! {
    struct RevokedRow { ended: i64, tombstones: Vec<Uuid> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&REVOKE_SESSIONS];

impl Store {
    /// Ends the sessions of a user that are of this device, if one is named, and this session, if one is
    /// named.
    pub async fn revoke_sessions(
        &self,
        call: &OperatorCall,
        device: Option<DeviceId>,
        session: Option<SessionId>,
    ) -> Result<Result<OperatorChange, OperatorRefusal>, StoreError> {
        let device = device.as_ref().map(DeviceId::as_uuid);
        let session = session.as_ref().map(SessionId::as_uuid);
        let parameters: &[Parameter<'_>] = &[
            ("user", call.user.as_uuid()),
            ("device", &device),
            ("session", &session),
            ("call", &call.request),
            ("now", &SystemTime::from(call.now)),
            ("audit_entry", &call.audit.entry),
            ("audit_personal", &call.audit.personal),
        ];
        self.transaction("revoke_sessions", async |transaction| {
            match claim(&transaction, call).await? {
                Claim::Answered(answer) => return transaction.rollback(answer).await,
                Claim::New(_) => {}
            }
            let row: RevokedRow = transaction.fetch_one(&REVOKE_SESSIONS, parameters).await?;
            let change = OperatorChange::ended(row.ended, row.tombstones);
            commit(transaction, call, change).await
        })
        .await
    }
}

//! Log-ins that lock or second factor stop: the account's devices are told of the first one, and from
//! then on the number can start over after a time in which none of them proves it.

use domain::ids::VerificationId;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::new_login::{NewLogin, ProvenNumber};
use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::notice::notice_to_devices;
use crate::store::statement::{LazyStatement, Parameter, Statement};
use crate::store::transaction::Transaction;

/// A used verification proves nothing. One log-in after the other tells nothing new.
static RECORD_STOPPED: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH stopped AS (
           UPDATE auth.users_auth SET log_ins_stopped_since = :now
            WHERE phone_number = :phone AND log_ins_stopped_since IS NULL
              AND NOT EXISTS (SELECT FROM auth.used_verifications
                               WHERE verification_id = :verification)
           RETURNING id AS user_id),
         {notice},
         {audit}
         SELECT 1 AS recorded",
        notice = notice_to_devices("stopped", "log_in_stopped"),
        audit = audit("stopped"),
    );
    let types = [
        ("phone", Type::TEXT),
        ("verification", Type::UUID),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("record_stopped_log_in", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&RECORD_STOPPED];

/// Values that parameters refer to.
struct Stopped<'a> {
    phone: &'a str,
    verification: &'a VerificationId,
    timestamp: i64,
    now: SystemTime,
    entry: &'a AuditEntry,
}

impl<'a> Stopped<'a> {
    fn new(ProvenNumber { phone, stopped, .. }: &'a ProvenNumber, login: &'a NewLogin) -> Self {
        Self {
            phone: phone.as_e164(),
            verification: &login.verification,
            timestamp: login.now.millis(),
            now: login.now.into(),
            entry: stopped,
        }
    }

    fn parameters(&self) -> [Parameter<'_>; 6] {
        [
            ("phone", &self.phone),
            ("verification", self.verification.as_uuid()),
            ("timestamp", &self.timestamp),
            ("now", &self.now),
            ("audit_entry", &self.entry.entry),
            ("audit_personal", &self.entry.personal),
        ]
    }
}

/// Records in its transaction that a log-in was stopped.
pub(super) async fn record_stopped(
    transaction: &Transaction<'_>,
    login: &NewLogin,
    number: &ProvenNumber,
) -> Result<(), StoreError> {
    let stopped = Stopped::new(number, login);
    transaction.fetch_all::<()>(&RECORD_STOPPED, &stopped.parameters()).await.map(drop)
}

impl Store {
    /// The same of a log-in that showed a wrong code of the second factor or the lock.
    pub async fn record_stopped_log_in(
        &self,
        login: &NewLogin,
        number: &ProvenNumber,
    ) -> Result<(), StoreError> {
        let stopped = Stopped::new(number, login);
        self.execute(&RECORD_STOPPED, &stopped.parameters()).await
    }
}

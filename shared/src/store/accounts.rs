//! `users_auth`: one row per verified phone number.

use domain::ids::{DeviceId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::second_factor::is_in_force;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::Store;
use super::error::StoreError;
use super::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use super::second_factor::reset_at::RESET_AT;
use super::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::audit::AuditEntry;

static FIND_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    // `logout_all` and `refresh_reused` say that someone else may hold the tokens.
    let sql = format!(
        // A row for every number: what is done with it takes as long for an unknown one.
        "SELECT u.id, coalesce(u.two_factor_enabled, false) AS two_factor_enabled,
                {RESET_AT} AS reset_at, s.device_id AS known_device
           FROM (SELECT :phone AS phone_number) asked
           LEFT JOIN auth.users_auth u ON u.phone_number = asked.phone_number
           LEFT JOIN auth.sessions s ON s.id = :session AND s.user_id = u.id
                AND (s.revoked_for IS NULL OR s.revoked_for IN ('logout', 'replaced'))"
    );
    Statement::new("find_account", &sql, [("phone", Type::TEXT), ("session", Type::UUID)])
});

row_struct! {
    struct AccountRow {
        id: Option<Uuid>,
        two_factor_enabled: bool,
        reset_at: Option<SystemTime>,
        known_device: Option<Uuid>,
    }
}

static RECORD_EVENT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH cause AS (SELECT id AS user_id FROM auth.users_auth WHERE phone_number = :phone),
         {audit}
         SELECT 1 AS recorded",
        audit = audit("cause"),
    );
    let types = [("phone", Type::TEXT), ("now", Type::TIMESTAMPTZ), AUDIT_ENTRY, AUDIT_PERSONAL];
    Statement::new("record_event", &sql, types)
});

pub(super) static STATEMENTS: &[&LazyStatement] = &[&FIND_ACCOUNT, &RECORD_EVENT];

/// What a verification needs to know of the account behind a number.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub id: UserId,
    pub two_factor_enabled: bool,
    /// The device of the session that was shown, if that counts.
    pub known_device: Option<DeviceId>,
}

impl Store {
    /// The account of a number. `shown` is an earlier session of which a token was shown.
    pub async fn find_account(
        &self,
        phone: &PhoneNumber,
        shown: Option<SessionId>,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        let session = shown.map(|session| *session.as_uuid());
        let parameters: &[Parameter<'_>] = &[("phone", &phone.as_e164()), ("session", &session)];
        let row: AccountRow = self.fetch_one(&FIND_ACCOUNT, parameters).await?;
        Ok(row.id.map(|id| Account {
            id: UserId::from_uuid(id),
            two_factor_enabled: is_in_force(
                row.two_factor_enabled,
                row.reset_at.map(Timestamp::from),
                now,
            ),
            known_device: row.known_device.map(DeviceId::from_uuid),
        }))
    }

    /// Records a security event of the account behind a number, if there is one: the same
    /// statement either way.
    pub async fn record_event(
        &self,
        phone: &PhoneNumber,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("phone", &phone.as_e164()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        self.execute(&RECORD_EVENT, parameters).await
    }
}

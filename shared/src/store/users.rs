//! `users_auth`: one row per verified phone number.

use domain::ids::UserId;
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use std::sync::LazyLock;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::outbox::audit;
use super::{Store, StoreError};
use crate::audit::AuditEntry;

static RECORD_EVENT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH cause AS (SELECT id AS user_id FROM auth.users_auth WHERE phone_number = $1),
         {} SELECT 1",
        audit("cause", 3, 4, 2)
    )
});

/// What a verification needs to know of the account behind a number.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    pub id: UserId,
    pub two_factor_enabled: bool,
}

impl Store {
    pub async fn find_account(&self, phone: &PhoneNumber) -> Result<Option<Account>, StoreError> {
        let rows = self
            .rows(
                "SELECT id, two_factor_enabled FROM auth.users_auth WHERE phone_number = $1",
                &[(&phone.as_e164(), Type::TEXT)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Account {
            id: UserId::from_uuid(row.try_get(0)?),
            two_factor_enabled: row.try_get(1)?,
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
        self.rows(
            &RECORD_EVENT,
            &[
                (&phone.as_e164(), Type::TEXT),
                (&SystemTime::from(now), Type::TIMESTAMPTZ),
                (&audit.entry, Type::TEXT),
                (&audit.personal, Type::JSONB),
            ],
        )
        .await
        .map(drop)
    }
}

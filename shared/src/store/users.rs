//! `users_auth`: one row per verified phone number.

use domain::ids::UserId;
use domain::phone::PhoneNumber;
use tokio_postgres::types::Type;

use super::{Store, StoreError};

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
}

//! Takes the keys of a device, or of all devices of a user, out of the directory.

use domain::ids::{DeviceId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::pages::{delete_pages, lock_and_remember};
use super::upload::LOCK_ACCOUNT_KEYS;
use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// `keys` and `device` are further conditions on the identity keys and on the devices.
fn delete(keys: &str, device: &str) -> String {
    format!(
        "WITH gone AS MATERIALIZED (
           SELECT user_id, device_id FROM auth.identity_keys WHERE user_id = :user{keys}),
         {remembered},
         {ended},
         deleted AS (
           DELETE FROM auth.identity_keys i USING gone g WHERE i.device_id = g.device_id
           RETURNING i.user_id),
         cause AS (SELECT DISTINCT user_id FROM deleted),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM cause c WHERE u.id = c.user_id),
         {audit}
         SELECT EXISTS (SELECT FROM auth.devices WHERE user_id = :user{device}) AS has_device",
        remembered = lock_and_remember("gone", "true"),
        ended = delete_pages("true"),
        audit = audit("cause"),
    )
}

const TYPES: [(&str, Type); 4] =
    [("user", Type::UUID), ("now", Type::TIMESTAMPTZ), AUDIT_ENTRY, AUDIT_PERSONAL];

static DELETE_DEVICE_KEYS: LazyStatement = LazyStatement::new(|| {
    let sql = delete(" AND device_id = :device", " AND id = :device");
    Statement::new("delete_device_keys", &sql, [&TYPES[..], &[("device", Type::UUID)]].concat())
});

static DELETE_ALL_KEYS: LazyStatement =
    LazyStatement::new(|| Statement::new("delete_all_keys", &delete("", ""), TYPES));

row_struct! {
    struct DeletedRow { has_device: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&DELETE_DEVICE_KEYS, &DELETE_ALL_KEYS];

impl Store {
    /// Takes the keys of one device, or of all, out of the directory; false if the device
    /// is not the user's. Which one-time keys were handed out stays known.
    pub async fn delete_keys(
        &self,
        user: UserId,
        device: Option<DeviceId>,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let now = SystemTime::from(now);
        let mut parameters: Vec<Parameter<'_>> = vec![
            ("user", user.as_uuid()),
            ("now", &now),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        let statement = match &device {
            Some(device) => {
                parameters.push(("device", device.as_uuid()));
                &DELETE_DEVICE_KEYS
            }
            None => &DELETE_ALL_KEYS,
        };
        let lock: &[Parameter<'_>] = &[("user", user.as_uuid())];
        let rows = self.transaction("delete_keys", |transaction| {
            transaction.commit_with((&LOCK_ACCOUNT_KEYS, lock), (statement, &parameters))
        });
        let row: DeletedRow = statement.one(rows.await?)?;
        Ok(row.has_device)
    }
}

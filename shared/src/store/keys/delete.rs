//! Takes the keys of a device, or of all devices of a user, out of the directory.

use domain::ids::{DeviceId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::kind::{archive_last_resort, delete_unused};
use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Locks the identity keys of all devices of a user, or of one; the account first.
static LOCK_ACCOUNT_KEYS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account_keys",
        "WITH account AS MATERIALIZED (
           SELECT id FROM auth.users_auth WHERE id = :user FOR NO KEY UPDATE)
         SELECT FROM account a JOIN auth.identity_keys i ON i.user_id = a.id
          WHERE :device::uuid IS NULL OR i.device_id = :device
          ORDER BY i.device_id FOR UPDATE OF i",
        [("user", Type::UUID), ("device", Type::UUID)],
    )
});

/// `device` is null for all of them.
static DELETE_KEYS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH gone AS (
           DELETE FROM auth.identity_keys
            WHERE user_id = :user AND (:device::uuid IS NULL OR device_id = :device)
           RETURNING device_id, user_id),
         {deleted_unused},
         {archived},
         cause AS (SELECT DISTINCT user_id FROM gone),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM cause c WHERE u.id = c.user_id),
         {audit}
         SELECT EXISTS (SELECT FROM auth.devices
                         WHERE user_id = :user AND (:device::uuid IS NULL OR id = :device))
             AS has_device",
        deleted_unused = delete_unused("gone"),
        archived = archive_last_resort("gone", "NULL::bytea"),
        audit = audit("cause"),
    );
    let types = [
        ("user", Type::UUID),
        ("device", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("delete_keys", &sql, types)
});

row_struct! {
    struct DeletedRow { has_device: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_ACCOUNT_KEYS, &DELETE_KEYS];

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
        let device = device.map(|device| *device.as_uuid());
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("device", &device),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        let lock = &parameters[..2];
        let rows = self.transaction("delete_keys", |transaction| {
            transaction.commit_with((&LOCK_ACCOUNT_KEYS, lock), (&DELETE_KEYS, parameters))
        });
        let row: DeletedRow = DELETE_KEYS.one(rows.await?)?;
        Ok(row.has_device)
    }
}

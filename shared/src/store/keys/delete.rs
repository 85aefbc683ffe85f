//! Takes the keys of a device, or of all devices of a user, out of the directory.

use domain::access::Action;
use domain::ids::{DeviceId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::pages::{delete_pages, lock_and_remember};
use crate::audit::AuditEntry;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Deletes the identity keys of a user that meet a condition, with all that hangs on them. Follows
/// the CTEs `before`.
pub(in crate::store) fn delete(before: &str, condition: &str, columns: &str) -> String {
    format!(
        "WITH {before}
         gone AS MATERIALIZED (
           SELECT user_id, device_id FROM auth.identity_keys WHERE user_id = :user AND {condition}),
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
         SELECT {columns}",
        remembered = lock_and_remember("gone", "true"),
        ended = delete_pages("true"),
        audit = audit("cause"),
    )
}

pub(in crate::store) const TYPES: [(&str, Type); 4] =
    [("user", Type::UUID), ("now", Type::TIMESTAMPTZ), AUDIT_ENTRY, AUDIT_PERSONAL];

/// The user's own deletion. `keys` and `device` are conditions on the identity keys and on the
/// devices.
fn delete_own(
    name: &'static str,
    keys: &str,
    device: &str,
    own: &[(&'static str, Type)],
) -> Statement {
    let columns = format!(
        "EXISTS (SELECT FROM auth.devices WHERE user_id = :user AND {device}) AS has_device,
                EXISTS (SELECT FROM cause) AS is_deleted"
    );
    Statement::new(name, &delete("", keys, &columns), [&TYPES[..], own].concat())
        .queued_when("is_deleted")
}

static DELETE_DEVICE_KEYS: LazyStatement = LazyStatement::new(|| {
    let device = [("device", Type::UUID)];
    delete_own("delete_device_keys", "device_id = :device", "id = :device", &device)
});

static DELETE_ALL_KEYS: LazyStatement =
    LazyStatement::new(|| delete_own("delete_all_keys", "true", "true", &[]));

row_struct! {
    struct DeletedRow { has_device: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&DELETE_DEVICE_KEYS, &DELETE_ALL_KEYS];

/// What became of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    Deleted {
        /// Whether it needed the verification, which is used by that.
        used_verification: bool,
    },
    /// The device is not the user's.
    DeviceNotFound,
    Denied(AccessDenied),
}

impl Store {
    /// Takes the keys of one device of the user, or of all, out of the directory. Which one-time
    /// keys were handed out stays known.
    pub async fn delete_keys(
        &self,
        proof: &FreshProof,
        device: Option<DeviceId>,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Deletion, StoreError> {
        self.transaction("delete_keys", async |transaction| {
            let change = Change::Account(&[Action::DeleteKeys]);
            let used_verification = match authorize_change(&transaction, proof, change, now).await?
            {
                Err(denied) => return transaction.rollback(Deletion::Denied(denied)).await,
                Ok(Some(allowed)) => allowed.used_verification,
                Ok(None) => {
                    let deleted = Deletion::Deleted { used_verification: true };
                    return transaction.rollback(deleted).await;
                }
            };
            let user = proof.principal().user;
            if !delete_own_keys(&transaction, user, device, now, audit).await? {
                return transaction.rollback(Deletion::DeviceNotFound).await;
            }
            transaction.commit(Deletion::Deleted { used_verification }).await
        })
        .await
    }
}

/// Deletes the keys of one device of a locked account, or of all. False if the device is not the
/// account's.
pub(in crate::store) async fn delete_own_keys(
    transaction: &Transaction<'_>,
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
    let statement: &'static Statement = match &device {
        Some(device) => {
            parameters.push(("device", device.as_uuid()));
            &DELETE_DEVICE_KEYS
        }
        None => &DELETE_ALL_KEYS,
    };
    let row: DeletedRow = transaction.fetch_one(statement, &parameters).await?;
    Ok(row.has_device)
}

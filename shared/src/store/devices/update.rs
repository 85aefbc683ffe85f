//! Changes what the account says of a device: its name, and where its notices go.

use domain::access::Action;
use domain::ids::DeviceId;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::list::{AccountDevice, find_device};
use crate::audit::AuditEntry;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit_once};
use crate::store::statement::{LazyStatement, Parameter, Statement};

/// What is not there stays as it is.
#[derive(Debug, Default)]
pub struct DeviceUpdate {
    pub name: Option<String>,
    pub fcm_token: Option<String>,
    pub apns_token: Option<String>,
}

static UPDATE_DEVICE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH changed AS (
           UPDATE auth.devices SET
             device_name = coalesce(:device_name, device_name),
             fcm_token = coalesce(:fcm_token, fcm_token),
             apns_token = coalesce(:apns_token, apns_token),
             updated_at = :now
           WHERE id = :device AND user_id = :user RETURNING user_id),
         {audit}
         SELECT 1 AS updated",
        audit = audit_once("changed"),
    );
    Statement::new(
        "update_device",
        &sql,
        [
            ("user", Type::UUID),
            ("device", Type::UUID),
            ("device_name", Type::TEXT),
            ("fcm_token", Type::TEXT),
            ("apns_token", Type::TEXT),
            ("now", Type::TIMESTAMPTZ),
            AUDIT_ENTRY,
            AUDIT_PERSONAL,
        ],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&UPDATE_DEVICE];

impl Store {
    /// Changes a device of the user, and gives it as it is now. Who may not end the session of a
    /// device may not silence it either. A repeat makes the same change again.
    pub async fn update_device(
        &self,
        proof: &FreshProof,
        device: DeviceId,
        update: &DeviceUpdate,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<AccountDevice, AccessDenied>, StoreError> {
        let (at, user) = (SystemTime::from(now), proof.principal().user);
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("device", device.as_uuid()),
            ("device_name", &update.name),
            ("fcm_token", &update.fcm_token),
            ("apns_token", &update.apns_token),
            ("now", &at),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        let change = Change::Device(device, Action::EndSession);
        self.transaction("update_device", async |transaction| {
            if let Err(denied) = authorize_change(&transaction, proof, change, now).await? {
                return transaction.rollback(Err(denied)).await;
            }
            let (updated, device) = tokio::join!(
                biased;
                transaction.fetch_all::<()>(&UPDATE_DEVICE, parameters),
                find_device(&transaction, user, device, now),
            );
            updated?;
            match device? {
                Some(device) => transaction.commit(Ok(device)).await,
                None => transaction.rollback(Err(AccessDenied::DeviceNotFound)).await,
            }
        })
        .await
    }
}

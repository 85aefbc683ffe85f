//! Removes a device: its row, with its sessions and its keys. Which one-time keys were handed out
//! stays known, and so does its number in Signal's addresses.

use domain::access::Action;
use domain::ids::{DeviceId, SessionId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::store::access::authorize::{Change, authorize_change};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::connection::Store;
use crate::store::ended_by_call::EndedByCall;
use crate::store::error::StoreError;
use crate::store::keys::pages::{delete_pages, lock_and_remember};
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::outbox::session_ended::session_ended;
use crate::store::sessions::RECENTLY_ENDED;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Under the lock of the account. The rows that refer to the device follow it; its pages do not, and
/// are deleted first (`lock_and_remember`).
static REMOVE_DEVICE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH target AS MATERIALIZED (
           SELECT d.id AS device_id, d.user_id, d.signal_device_id, i.registration_id
             FROM auth.devices d LEFT JOIN auth.identity_keys i ON i.device_id = d.id
            WHERE d.id = :device AND d.user_id = :user),
         {remembered},
         {pages},
         ended_session AS MATERIALIZED (
           SELECT s.id, s.user_id FROM auth.sessions s
            WHERE s.device_id = (SELECT device_id FROM target) AND s.revoked_at IS NULL
              FOR UPDATE),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended_session UNION
           SELECT id FROM auth.sessions
            WHERE device_id = (SELECT device_id FROM target)
              AND revoked_at > :now - interval '{recent} seconds'),
         released AS (
           INSERT INTO auth.released_signal_device_ids AS r
                  (user_id, signal_device_id, registration_id, released_at)
           SELECT user_id, signal_device_id, registration_id, :now
             FROM target WHERE signal_device_id IS NOT NULL
           ON CONFLICT (user_id, signal_device_id) DO UPDATE SET
             registration_id = excluded.registration_id, released_at = excluded.released_at),
         removed AS (
           DELETE FROM auth.devices d USING target t
            WHERE d.id = t.device_id AND (SELECT count(*) FROM ended_session) >= 0 -- these first
           RETURNING d.user_id, d.id AS device_id),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM removed r WHERE u.id = r.user_id),
         removed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'device.removed',
                  jsonb_build_object('userId', user_id, 'deviceId', device_id,
                                     'timestamp', :timestamp), :now
             FROM removed),
         {ended_event},
         {audit}
         SELECT array(SELECT id FROM tombstones) AS ended FROM removed",
        remembered = lock_and_remember("target", "true"),
        pages = delete_pages("true"),
        recent = RECENTLY_ENDED.as_secs(),
        ended_event = session_ended("ended_session"),
        audit = audit("removed"),
    );
    let types = [
        ("user", Type::UUID),
        ("device", Type::UUID),
        ("timestamp", Type::INT8),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("remove_device", &sql, types)
});

row_struct! {
    struct RemovedRow { ended: Vec<Uuid> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&REMOVE_DEVICE];

/// A device was removed.
#[derive(Clone, Debug)]
pub struct RemovedDevice {
    /// The sessions that need a tombstone.
    pub ended: Vec<SessionId>,
    /// Whether the verification that the caller showed was needed, and is used.
    pub used_verification: bool,
}

impl Store {
    /// Removes a device of the user.
    pub async fn remove_device(
        &self,
        proof: &FreshProof,
        device: DeviceId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Result<RemovedDevice, AccessDenied>, StoreError> {
        let removed = |ended, used_verification| RemovedDevice { ended, used_verification };
        let user = proof.principal().user;
        let (change, earlier) =
            (Change::Device(device, Action::RemoveDevice), EndedByCall::default());
        self.transaction("remove_device", async |transaction| {
            let allowed = match authorize_change(&transaction, proof, change, now).await? {
                Ok(Some(allowed)) => allowed,
                Ok(None) => {
                    let ended = earlier.get().unwrap_or_default();
                    return transaction.rollback(Ok(removed(ended, true))).await;
                }
                Err(AccessDenied::DeviceNotFound) => {
                    // An earlier try may have removed it, and another change come after it.
                    let ended = earlier.get().map(|ended| removed(ended, true));
                    let outcome = ended.ok_or(AccessDenied::DeviceNotFound);
                    return transaction.rollback(outcome).await;
                }
                Err(denied) => return transaction.rollback(Err(denied)).await,
            };
            let Some(ended) = remove_device(&transaction, user, device, now, audit).await? else {
                return transaction.rollback(Err(AccessDenied::DeviceNotFound)).await;
            };
            earlier.set(&ended);
            transaction.commit(Ok(removed(ended, allowed.used_verification))).await
        })
        .await
    }
}

/// Removes a device of a user whose account is locked. None if there is no such device.
pub(in crate::store) async fn remove_device(
    transaction: &Transaction<'_>,
    user: UserId,
    device: DeviceId,
    now: Timestamp,
    audit: &AuditEntry,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    let parameters: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("device", device.as_uuid()),
        ("timestamp", &now.millis()),
        ("now", &SystemTime::from(now)),
        ("audit_entry", &audit.entry),
        ("audit_personal", &audit.personal),
    ];
    let row: Option<RemovedRow> = transaction.fetch_optional(&REMOVE_DEVICE, parameters).await?;
    Ok(row.map(|row| row.ended.into_iter().map(SessionId::from_uuid).collect()))
}

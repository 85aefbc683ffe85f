//! Two walks in the order of the ids, in batches: over all accounts, and over all devices in the key
//! directory. The row of `restores` says how far each has come, and is the lock between runs: a run
//! that was killed is continued, and several at once do each batch once.

use domain::second_factor::acceptable_steps;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Accounts, or devices, of a batch.
const BATCH: i64 = 500;
/// Added to the version of each device list: more than a list changes within the lost time. Whoever
/// knows a version of then sees that there is another one.
const VERSION_LEAP: i64 = 1 << 20;

/// The time of the first run stays.
static RECORD_RESTORE: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "record_restore",
        "INSERT INTO auth.restores AS r (backup_at, restored_at) VALUES (:backup_at, :now)
         ON CONFLICT (backup_at) DO UPDATE SET restored_at = r.restored_at
         RETURNING restored_at",
        [("backup_at", Type::TIMESTAMPTZ), ("now", Type::TIMESTAMPTZ)],
    )
});

row_struct! {
    struct RestoreRow { restored_at: SystemTime }
}

/// No code of the second factor that was used before the restore is accepted again.
static MOVE_ACCOUNTS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH restore AS MATERIALIZED (
           SELECT backup_at, users_after FROM auth.restores
            WHERE backup_at = :backup_at AND NOT users_done FOR UPDATE),
         seen AS MATERIALIZED (
           SELECT u.id FROM restore r CROSS JOIN LATERAL (
             SELECT id FROM auth.users_auth WHERE id > r.users_after
              ORDER BY id LIMIT {BATCH} FOR NO KEY UPDATE) u),
         changed AS (
           UPDATE auth.users_auth u
              SET device_list_version = u.device_list_version + {VERSION_LEAP},
                  two_factor_last_step = CASE WHEN u.two_factor_enabled
                    THEN greatest(u.two_factor_last_step, :step) ELSE u.two_factor_last_step END
             FROM seen s WHERE u.id = s.id),
         moved AS (
           UPDATE auth.restores r
              SET users_after = coalesce((SELECT id FROM seen ORDER BY id DESC LIMIT 1), r.users_after),
                  users_done = (SELECT count(*) FROM seen) < {BATCH}
             FROM restore b WHERE r.backup_at = b.backup_at)
         SELECT EXISTS (SELECT FROM restore) AS is_open, (SELECT count(*) FROM seen) AS seen,
                0::int8 AS discarded"
    );
    Statement::new(
        "move_restored_accounts",
        &sql,
        [("backup_at", Type::TIMESTAMPTZ), ("step", Type::INT8)],
    )
});

/// All keys of a page count as handed out: whoever ends the page remembers all of them. A page that was
/// uploaded since the restore stays. The devices are told to upload.
static DISCARD_PAGES: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH restore AS MATERIALIZED (
           SELECT backup_at, restored_at, devices_after FROM auth.restores
            WHERE backup_at = :backup_at AND NOT devices_done FOR UPDATE),
         seen AS MATERIALIZED (
           SELECT i.device_id, i.user_id, r.restored_at FROM restore r CROSS JOIN LATERAL (
             SELECT device_id, user_id FROM auth.identity_keys WHERE device_id > r.devices_after
              ORDER BY device_id LIMIT {BATCH}) i),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM seen ORDER BY device_id) d
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind FROM auth.prekey_pages p
               WHERE p.user_id = d.user_id AND p.device_id = d.device_id
                 AND p.arrived_at <= d.restored_at AND p.next < p.count
               ORDER BY p.kind FOR NO KEY UPDATE) p),
         spent AS (
           UPDATE auth.prekey_pages p SET next = p.count FROM page l
            WHERE p.user_id = l.user_id AND p.device_id = l.device_id AND p.kind = l.kind
           RETURNING p.kind),
         low_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT s.user_id, 'prekeys.low', jsonb_build_object('userId', s.user_id,
                  'deviceId', s.device_id, 'availablePreKeys', 0, 'availableKyberPreKeys', 0,
                  'timestamp', :timestamp::int8), :now
             FROM seen s),
         moved AS (
           UPDATE auth.restores r
              SET devices_after = coalesce((SELECT device_id FROM seen ORDER BY device_id DESC LIMIT 1),
                                           r.devices_after),
                  devices_done = (SELECT count(*) FROM seen) < {BATCH}
             FROM restore b WHERE r.backup_at = b.backup_at)
         SELECT EXISTS (SELECT FROM restore) AS is_open, (SELECT count(*) FROM seen) AS seen,
                (SELECT count(*) FROM spent) AS discarded"
    );
    let types =
        [("backup_at", Type::TIMESTAMPTZ), ("timestamp", Type::INT8), ("now", Type::TIMESTAMPTZ)];
    Statement::new("discard_restored_pages", &sql, types)
});

row_struct! {
    struct WalkRow { is_open: bool, seen: i64, discarded: i64 }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&RECORD_RESTORE, &MOVE_ACCOUNTS, &DISCARD_PAGES];

/// A batch of a walk.
#[derive(Clone, Copy, Debug)]
pub struct WalkedBatch {
    /// Accounts, or devices.
    pub seen: i64,
    /// Pages of one-time keys that are handed out no more.
    pub discarded: i64,
    /// Nothing is left.
    pub is_last: bool,
}

impl From<WalkRow> for WalkedBatch {
    fn from(row: WalkRow) -> Self {
        Self { seen: row.seen, discarded: row.discarded, is_last: !row.is_open || row.seen < BATCH }
    }
}

impl Store {
    /// Records that the database went back to this moment. Gives when that was recorded first.
    pub async fn record_restore(
        &self,
        backup_at: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let parameters: &[Parameter<'_>] =
            &[("backup_at", &SystemTime::from(backup_at)), ("now", &SystemTime::from(now))];
        let row: RestoreRow = self.fetch_one(&RECORD_RESTORE, parameters).await?;
        Ok(row.restored_at.into())
    }

    /// The next accounts: their device lists get later versions, and steps of TOTP until `restored_at`
    /// are spent.
    pub async fn move_restored_accounts(
        &self,
        backup_at: Timestamp,
        restored_at: Timestamp,
    ) -> Result<WalkedBatch, StoreError> {
        // A code of the next step is accepted already.
        let [step, ..] = acceptable_steps(restored_at);
        let parameters: &[Parameter<'_>] =
            &[("backup_at", &SystemTime::from(backup_at)), ("step", &step)];
        let row: WalkRow = self.fetch_one(&MOVE_ACCOUNTS, parameters).await?;
        Ok(row.into())
    }

    /// The next devices in the key directory: none of their one-time keys is handed out any more.
    pub async fn discard_restored_pages(
        &self,
        backup_at: Timestamp,
        now: Timestamp,
    ) -> Result<WalkedBatch, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("backup_at", &SystemTime::from(backup_at)),
            ("timestamp", &now.millis()),
            ("now", &SystemTime::from(now)),
        ];
        let row: WalkRow = self.fetch_one(&DISCARD_PAGES, parameters).await?;
        Ok(row.into())
    }
}

//! How many keys there are, of a device and of the fleet, and the clean-up of dead keys.

use domain::ids::{DeviceId, UserId};
use domain::prekey::lifecycle::OneTimeSupply;
use domain::prekey::{LOW_PREKEY_COUNT, SIGNED_PREKEY_GRACE};
use domain::time::Timestamp;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;

use super::kind::{EC, KYBER};
use super::pages::{delete_pages, lock_and_remember};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// What a device has in the directory.
#[derive(Clone, Copy, Debug)]
pub struct KeyStatus {
    pub supply: OneTimeSupply,
    /// Those of the last upload that were handed out included.
    pub all_prekeys: u32,
    /// When the signed prekey came, and until when it is active.
    pub signed: Option<(Timestamp, Timestamp)>,
}

/// The fleet's supply.
#[derive(Clone, Copy, Debug)]
pub struct KeyStats {
    pub prekeys: i64,
    pub kyber_prekeys: i64,
    pub devices: i64,
    pub devices_low: i64,
    pub devices_empty: i64,
}

static FIND_KEY_STATUS: LazyStatement = LazyStatement::new(|| {
    let page = |alias: &str, number: i16| {
        format!(
            "LEFT JOIN auth.prekey_pages {alias}
             ON {alias}.user_id = d.user_id AND {alias}.device_id = d.id AND {alias}.kind = {number}"
        )
    };
    let sql = format!(
        "SELECT coalesce(ec.count - ec.next, 0)::int4 AS prekeys,
                (kyber.count - kyber.next)::int4 AS kyber_prekeys,
                coalesce(ec.count, 0)::int4 AS all_prekeys,
                s.created_at AS signed_at, s.expires_at AS signed_prekey_expires_at
           FROM auth.devices d LEFT JOIN auth.signed_prekeys s ON s.device_id = d.id
           {ec}
           {kyber}
          WHERE d.id = :device AND d.user_id = :user",
        ec = page("ec", EC.number),
        kyber = page("kyber", KYBER.number),
    );
    Statement::new("find_key_status", &sql, [("device", Type::UUID), ("user", Type::UUID)])
});

row_struct! {
    struct KeyStatusRow {
        prekeys: i32,
        kyber_prekeys: Option<i32>,
        all_prekeys: i32,
        signed_at: Option<SystemTime>,
        signed_prekey_expires_at: Option<SystemTime>,
    }
}

/// The most devices of one clean-up statement. A constant, so that the planner does not expect
/// a tenth of all devices.
const MAX_CLEANED: i64 = 1000;

/// `dead_before` is the last expiry that counts as dead, `quiet_since` the last upload. An
/// account that is locked is left for the next run: its keys are about to change. No page that
/// arrived meanwhile ends, nor a signed prekey that was replaced. The time of the identity key excludes no
/// device beyond these; with it, the planner expects few rows and reads no table from end to end.
static CLEAN_UP_KEYS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH dead AS MATERIALIZED (
           SELECT * FROM (
             SELECT s.device_id, i.user_id FROM auth.signed_prekeys s
               JOIN auth.identity_keys i ON i.device_id = s.device_id
               JOIN auth.users_auth u ON u.id = i.user_id
              WHERE s.expires_at <= :dead_before AND i.updated_at <= :quiet_since
                AND NOT EXISTS (SELECT FROM auth.prekey_pages p
                     WHERE p.user_id = i.user_id AND p.device_id = s.device_id
                       AND p.arrived_at > :quiet_since)
                AND NOT EXISTS (SELECT FROM auth.kyber_last_resort_prekeys l
                     WHERE l.device_id = s.device_id AND l.created_at > :quiet_since)
              ORDER BY s.expires_at LIMIT :devices FOR NO KEY UPDATE OF u, s SKIP LOCKED) d
            LIMIT {MAX_CLEANED}),
         {remembered},
         {ended},
         signed AS (
           DELETE FROM auth.signed_prekeys WHERE device_id = ANY (ARRAY(SELECT device_id FROM dead)))
         SELECT count(*) AS devices FROM dead",
        remembered = lock_and_remember("dead", "p.arrived_at <= :quiet_since"),
        ended = delete_pages("true"),
    );
    let types = [
        ("dead_before", Type::TIMESTAMPTZ),
        ("quiet_since", Type::TIMESTAMPTZ),
        ("devices", Type::INT8),
    ];
    Statement::new("clean_up_keys", &sql, types)
});

row_struct! {
    struct CleanedUpRow { devices: i64 }
}

static COUNT_KEYS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT coalesce(sum(ec.count - ec.next), 0) AS prekeys,
                coalesce(sum(kyber.count - kyber.next), 0) AS kyber_prekeys,
                count(*) AS devices,
                count(*) FILTER (WHERE coalesce(ec.count - ec.next, 0) < :low
                                    OR kyber.count - kyber.next < :low) AS devices_low,
                count(*) FILTER (WHERE coalesce(ec.count - ec.next, 0) = 0) AS devices_empty
           FROM auth.identity_keys i LEFT JOIN auth.prekey_pages ec
             ON ec.user_id = i.user_id AND ec.device_id = i.device_id AND ec.kind = {ec}
           LEFT JOIN auth.prekey_pages kyber
             ON kyber.user_id = i.user_id AND kyber.device_id = i.device_id
                AND kyber.kind = {kyber}",
        ec = EC.number,
        kyber = KYBER.number,
    );
    Statement::new("count_keys", &sql, [("low", Type::INT4)])
});

row_struct! {
    struct KeyStatsRow {
        prekeys: i64,
        kyber_prekeys: i64,
        devices: i64,
        devices_low: i64,
        devices_empty: i64,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&FIND_KEY_STATUS, &CLEAN_UP_KEYS, &COUNT_KEYS];

impl Store {
    /// What a device of a user has in the directory; `None` if there is no such device.
    pub async fn find_key_status(
        &self,
        user: UserId,
        device: DeviceId,
    ) -> Result<Option<KeyStatus>, StoreError> {
        let parameters: &[Parameter<'_>] =
            &[("device", device.as_uuid()), ("user", user.as_uuid())];
        let row: Option<KeyStatusRow> = self.fetch_optional(&FIND_KEY_STATUS, parameters).await?;
        let Some(row) = row else { return Ok(None) };
        let count = |count| u32::try_from(count).map_err(|_| FIND_KEY_STATUS.unexpected("a count"));
        let signed = row.signed_at.zip(row.signed_prekey_expires_at);
        Ok(Some(KeyStatus {
            supply: OneTimeSupply {
                prekeys: count(row.prekeys)?,
                kyber_prekeys: row.kyber_prekeys.map(count).transpose()?,
            },
            all_prekeys: count(row.all_prekeys)?,
            signed: signed.map(|(at, expires_at)| (at.into(), expires_at.into())),
        }))
    }

    /// Deletes what can never be handed out again: signed prekeys past their grace, and
    /// with each the one-time keys of its device, of at most `devices` devices. Gives
    /// of how many; fewer than asked for means that nothing is left. A device that comes
    /// back learns from its key status that it has to upload.
    pub async fn clean_up_keys(&self, now: Timestamp, devices: i64) -> Result<i64, StoreError> {
        /// A device that has just uploaded one kind is about to upload the other.
        const QUIET: Duration = Duration::from_hours(24);
        let parameters: &[Parameter<'_>] = &[
            ("dead_before", &SystemTime::from(now - SIGNED_PREKEY_GRACE)),
            ("quiet_since", &SystemTime::from(now - QUIET)),
            ("devices", &devices),
        ];
        let row: CleanedUpRow = self.fetch_one(&CLEAN_UP_KEYS, parameters).await?;
        Ok(row.devices)
    }

    /// Counts the fleet's keys: reads every device's, for operators now and then.
    pub async fn key_stats(&self) -> Result<KeyStats, StoreError> {
        const DEADLINE: Duration = Duration::from_mins(1);
        let low = i32::try_from(LOW_PREKEY_COUNT).unwrap_or(i32::MAX);
        let low = &low;
        let counting = self.transaction_within(DEADLINE, "key_stats", |transaction| async move {
            transaction.extend_time_limit(DEADLINE).await?;
            let row: KeyStatsRow = transaction.fetch_one(&COUNT_KEYS, &[("low", low)]).await?;
            transaction.rollback(row).await
        });
        let row = counting.await?;
        Ok(KeyStats {
            prekeys: row.prekeys,
            kyber_prekeys: row.kyber_prekeys,
            devices: row.devices,
            devices_low: row.devices_low,
            devices_empty: row.devices_empty,
        })
    }
}

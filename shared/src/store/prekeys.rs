//! `prekeys`, `kyber_prekeys`: one-time keys, from their upload until [`super::bundles`]
//! hands them out. Both kinds are treated alike; a [`OneTimeKeyKind`] is a table and its columns.
//!
//! A device's keys are replaced under the lock of its identity key, by a statement that
//! begins after the lock is held: of two uploads the later one's keys stay, all of them and
//! no others. Whoever takes a key waits for nobody.

use deadpool_postgres::Object;
use domain::ids::{DeviceId, EntryId, UserId};
use domain::prekey::{IdentityKey, KyberPrekey, LOW, Prekey, SIGNED_GRACE};
use domain::time::Timestamp;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::identities::{DeviceKeys, LOCK_IDENTITY, UPLOADER, Upload};
use super::{Param, Store, StoreError};
use crate::clock::Rng;
use domain::principal::Principal;

/// A kind of one-time key: its table, and what of it is specific.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneTimeKeyKind {
    pub(super) table: &'static str,
    /// What a row holds besides its key id, and loses when it is handed out.
    columns: &'static [(&'static str, &'static str)],
}

pub(super) const EC: OneTimeKeyKind =
    OneTimeKeyKind { table: "prekeys", columns: &[("public_key", "text")] };
pub(super) const KYBER: OneTimeKeyKind = OneTimeKeyKind {
    table: "kyber_prekeys",
    columns: &[("public_key", "bytea"), ("signature", "text")],
};

impl OneTimeKeyKind {
    /// The columns with something before each, joined by commas.
    fn listed(self, each: impl Fn(&str) -> String) -> String {
        let columns: Vec<_> = self.columns.iter().map(|(name, _)| each(name)).collect();
        columns.join(", ")
    }

    /// Takes the oldest unused key of each device that the rows `t (device_id, identity_id)`
    /// of `of` name. A key that another statement is about to take is passed over; one that
    /// was taken, or came under another identity key, since this statement began is seen to
    /// be. Gives the CTE `{table}_taken (device_id, position, key_id, …)`.
    pub(super) fn take(self, of: &str) -> String {
        let Self { table, .. } = self;
        format!(
            "{table}_taken AS MATERIALIZED (
               SELECT c.* FROM {of} CROSS JOIN LATERAL (
                 SELECT k.device_id, k.key_hash, k.position, k.key_id, {columns}
                   FROM auth.{table} k
                  WHERE k.device_id = t.device_id AND NOT k.is_used
                    AND k.identity_id = t.identity_id
                  ORDER BY k.position LIMIT 1 FOR UPDATE SKIP LOCKED) c),
             {table}_used AS (
               UPDATE auth.{table} k SET is_used = true, key_id = NULL, {emptied}
                 FROM {table}_taken c
                WHERE k.device_id = c.device_id AND k.key_hash = c.key_hash)",
            columns = self.listed(|name| format!("k.{name}")),
            emptied = self.listed(|name| format!("{name} = NULL")),
        )
    }

    /// Replaces the unused keys of the device in the CTE `owner (device_id, id, renewed)` by
    /// the lists in the parameters from `first` on (rows, hashes, key ids, columns), which
    /// are as long as each other. An empty list changes nothing, unless the identity key
    /// was `renewed`. What was handed out before stays so. Gives `{table}_put`.
    fn replace(self, first: usize, now: usize) -> String {
        let Self { table, .. } = self;
        let lists: Vec<String> = ["uuid", "bytea", "int4"]
            .into_iter()
            .chain(self.columns.iter().map(|(_, of)| *of))
            .enumerate()
            .map(|(n, of)| format!("${}::{of}[]", first + n))
            .collect();
        format!(
            "{table}_new AS (
               SELECT o.device_id, o.id AS identity_id, n.*,
                      row_number() OVER (ORDER BY n.place) AS position
                 FROM owner o CROSS JOIN unnest({lists})
                      WITH ORDINALITY AS n (id, key_hash, key_id, {columns}, place)
                WHERE NOT EXISTS (
                  SELECT FROM auth.{table} u
                   WHERE u.device_id = o.device_id AND u.key_hash = n.key_hash AND u.is_used)),
             {table}_gone AS (
               DELETE FROM auth.{table} k USING owner o
                WHERE k.device_id = o.device_id AND NOT k.is_used
                  AND (o.renewed OR cardinality({hashes}) > 0) AND k.key_hash <> ALL ({hashes})),
             {table}_put AS (
               INSERT INTO auth.{table} AS k
                      (device_id, key_hash, id, identity_id, position, key_id, {columns},
                       created_at)
               SELECT device_id, key_hash, id, identity_id, position, key_id, {columns}, ${now}
                 FROM {table}_new
               ON CONFLICT (device_id, key_hash) DO UPDATE SET
                 id = excluded.id, identity_id = excluded.identity_id,
                 position = excluded.position, key_id = excluded.key_id, {replaced},
                 created_at = excluded.created_at
               WHERE NOT k.is_used
               RETURNING 1)",
            lists = lists.join(", "),
            hashes = lists[1],
            columns = self.listed(str::to_owned),
            replaced = self.listed(|name| format!("{name} = excluded.{name}")),
        )
    }

    /// The assignments that remember how many keys came, for news of running low.
    fn counted(self, first: usize) -> String {
        let Self { table, .. } = self;
        let came = format!("(SELECT count(*) FROM {table}_put)");
        let touched = format!("(o.renewed OR cardinality(${}::bytea[]) > 0)", first + 1);
        format!(
            "{table}_uploaded = CASE WHEN {touched} THEN {came} ELSE i.{table}_uploaded END,
             {table}_ample = CASE WHEN {touched} THEN {came} >= {LOW} ELSE i.{table}_ample END"
        )
    }
}

/// Keeps the hashes of the last-resort keys of the devices in a CTE (`device_id`), other than
/// the one in parameter `but`: they were handed out too, and are no one-time keys ever after.
/// One of them may become the last resort again.
pub(super) fn archive_last_resort(devices: &str, but: &str) -> String {
    format!(
        "archived AS (
           INSERT INTO auth.kyber_prekeys AS k (device_id, key_hash, id, identity_id, position,
                  is_one_time, is_used, created_at)
           SELECT l.device_id, l.key_hash, l.id, l.id, 0, false, true, l.created_at
             FROM auth.kyber_last_resort_prekeys l JOIN {devices} d ON d.device_id = l.device_id
            WHERE l.key_hash IS DISTINCT FROM {but}
           ON CONFLICT (device_id, key_hash) DO UPDATE SET
             is_used = true, key_id = NULL, public_key = NULL, signature = NULL)"
    )
}

/// Deletes the unused one-time keys of the devices in a CTE.
pub(super) fn delete_unused(devices: &str) -> String {
    let [curve, kyber] = [EC, KYBER].map(|OneTimeKeyKind { table, .. }| {
        format!(
            "{table}_deleted AS (
               DELETE FROM auth.{table} k USING {devices} d
                WHERE k.device_id = d.device_id AND NOT k.is_used)"
        )
    });
    format!("{curve},\n         {kyber}")
}

/// Both kinds at a log-in. $1 user, $2 fingerprint, $3 the row of its identity key if that
/// is another than before, $4 now, $5-$8 and $9-$13 the keys.
static PUBLISH_ONE_TIME: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH owner AS (
           SELECT i.device_id, i.id, i.id = $3 AS renewed
             FROM auth.identity_keys i JOIN auth.devices d ON d.id = i.device_id
            WHERE d.user_id = $1 AND d.device_fingerprint = $2),
         {curve},
         {kyber},
         counted AS (
           UPDATE auth.identity_keys i SET {curve_counted}, {kyber_counted}
             FROM owner o WHERE i.device_id = o.device_id),
         last_resort AS (
           SELECT o.renewed, l.* FROM owner o
             JOIN auth.kyber_last_resort_prekeys l ON l.device_id = o.device_id)
         SELECT EXISTS (
           SELECT FROM last_resort l
            WHERE l.key_id = ANY ($11) OR l.key_hash = ANY ($10)
               OR EXISTS ( -- among those that were handed out, or that stay
                 SELECT FROM auth.kyber_prekeys k
                  WHERE k.device_id = l.device_id AND k.is_one_time
                    AND (k.is_used AND k.key_hash = l.key_hash
                         OR NOT k.is_used AND NOT l.renewed AND cardinality($10) = 0
                            AND (k.key_id = l.key_id OR k.key_hash = l.key_hash))))",
        curve = EC.replace(5, 4),
        kyber = KYBER.replace(9, 4),
        curve_counted = EC.counted(5),
        kyber_counted = KYBER.counted(9),
    )
});

/// One kind by its own route. [`UPLOADER`], from $5 on the keys.
fn upload(kind: OneTimeKeyKind, clash: &str) -> String {
    format!(
        "WITH {UPLOADER},
         clash AS ({clash}),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         {replaced},
         counted AS (
           UPDATE auth.identity_keys i SET {counted}, updated_at = $4
             FROM owner o WHERE i.device_id = o.device_id)
         SELECT EXISTS (SELECT FROM session), EXISTS (SELECT FROM found),
                EXISTS (SELECT FROM clash), (SELECT count(*) FROM {table}_put)",
        replaced = kind.replace(5, 4),
        counted = kind.counted(5),
        table = kind.table,
    )
}

static UPLOAD_EC: LazyLock<String> = LazyLock::new(|| upload(EC, "SELECT WHERE false"));
static UPLOAD_KYBER: LazyLock<String> = LazyLock::new(|| {
    upload(
        KYBER,
        "SELECT FROM auth.kyber_last_resort_prekeys
            WHERE device_id = $1 AND (key_id = ANY ($7) OR key_hash = ANY ($6))",
    )
});

/// $1 the last expiry that counts as dead, $2 the last upload that does, $3 how many.
static CLEAN_UP: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH dead AS (
           SELECT s.device_id FROM auth.signed_prekeys s
             JOIN auth.identity_keys i ON i.device_id = s.device_id
            WHERE s.expires_at <= $1 AND i.updated_at <= $2
            ORDER BY s.expires_at LIMIT $3 FOR UPDATE SKIP LOCKED),
         signed AS (DELETE FROM auth.signed_prekeys s USING dead d WHERE s.device_id = d.device_id),
         {deleted_unused}
         SELECT count(*) FROM dead",
        deleted_unused = delete_unused("dead"),
    )
});

const STATS: &str = "SELECT
       (SELECT count(*) FROM auth.prekeys WHERE NOT is_used),
       (SELECT count(*) FROM auth.kyber_prekeys WHERE NOT is_used),
       count(*), count(*) FILTER (WHERE waiting < $1), count(*) FILTER (WHERE waiting = 0)
     FROM (SELECT (SELECT count(*) FROM (
             SELECT FROM auth.prekeys k WHERE k.device_id = i.device_id AND NOT k.is_used
              LIMIT $1) k) AS waiting
             FROM auth.identity_keys i) AS devices";

/// What a device has in the directory.
#[derive(Clone, Copy, Debug)]
pub struct KeyStatus {
    pub prekeys: u32,
    pub kyber_prekeys: u32,
    /// Those that were handed out included.
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

/// The lists that stand for one-time keys in a statement.
#[derive(Default)]
struct Lists<'a> {
    rows: Vec<Uuid>,
    hashes: Vec<Vec<u8>>,
    ids: Vec<i32>,
    texts: Vec<&'a str>,
    bytes: Vec<&'a [u8]>,
}

impl<'a> Lists<'a> {
    fn curve(keys: &'a [Prekey], now: Timestamp, rng: Rng) -> Self {
        let mut lists = Self::default();
        for Prekey { id, key } in keys {
            lists.rows.push(*EntryId::new(now, &rng.bytes()).as_uuid());
            lists.hashes.push(key.hash().to_vec());
            lists.ids.push(id.get());
            lists.texts.push(key.as_str());
        }
        lists
    }

    fn kyber(keys: &'a [KyberPrekey], now: Timestamp, rng: Rng) -> Self {
        let mut lists = Self::default();
        for KyberPrekey { id, key, signature } in keys {
            lists.rows.push(*EntryId::new(now, &rng.bytes()).as_uuid());
            lists.hashes.push(key.hash().to_vec());
            lists.ids.push(id.get());
            lists.bytes.push(key.as_bytes());
            lists.texts.push(signature.as_str());
        }
        lists
    }

    fn params(&self, kind: OneTimeKeyKind) -> Vec<Param<'_>> {
        let mut params: Vec<Param<'_>> = vec![
            (&self.rows, Type::UUID_ARRAY),
            (&self.hashes, Type::BYTEA_ARRAY),
            (&self.ids, Type::INT4_ARRAY),
        ];
        if kind.columns.len() > 1 {
            params.push((&self.bytes, Type::BYTEA_ARRAY));
        }
        params.push((&self.texts, Type::TEXT_ARRAY));
        params
    }
}

/// The one-time keys of a log-in, in its transaction. False if one of them and the last
/// resort are the same, or share an id: the transaction must not go on.
pub(super) async fn publish_one_time(
    client: &Object,
    (user, fingerprint): (UserId, &str),
    (identity_row, now): (EntryId, Timestamp),
    rng: Rng,
    keys: &DeviceKeys,
) -> Result<bool, StoreError> {
    let curve = Lists::curve(&keys.prekeys, now, rng);
    let kyber = Lists::kyber(&keys.kyber_prekeys, now, rng);
    let at = SystemTime::from(now);
    let mut params: Vec<Param<'_>> = vec![
        (user.as_uuid(), Type::UUID),
        (&fingerprint, Type::TEXT),
        (identity_row.as_uuid(), Type::UUID),
        (&at, Type::TIMESTAMPTZ),
    ];
    params.extend(curve.params(EC));
    params.extend(kyber.params(KYBER));
    let rows = client.query_typed(&PUBLISH_ONE_TIME, &params).await?;
    let clash: bool = rows.first().ok_or(StoreError::UnexpectedData)?.try_get(0)?;
    Ok(!clash)
}

impl Store {
    /// Replaces the unused one-time keys of the caller's device.
    pub async fn replace_prekeys(
        &self,
        principal: Principal,
        keys: &[Prekey],
        now: Timestamp,
        rng: Rng,
    ) -> Result<Upload, StoreError> {
        let lists = Lists::curve(keys, now, rng);
        self.upload(principal, None, now, &UPLOAD_EC, &lists.params(EC)).await
    }

    /// Replaces the unused one-time Kyber keys, whose signatures were checked with this
    /// identity key.
    pub async fn replace_kyber_prekeys(
        &self,
        principal: Principal,
        identity: &IdentityKey,
        keys: &[KyberPrekey],
        now: Timestamp,
        rng: Rng,
    ) -> Result<Upload, StoreError> {
        let lists = Lists::kyber(keys, now, rng);
        self.upload(principal, Some(identity), now, &UPLOAD_KYBER, &lists.params(KYBER)).await
    }

    /// A statement that replaces keys, under the lock of the device's identity key: with the
    /// parameters of [`UPLOADER`] and, from $5 on, its own.
    pub(super) async fn upload(
        &self,
        principal: Principal,
        identity: Option<&IdentityKey>,
        now: Timestamp,
        sql: &str,
        own: &[Param<'_>],
    ) -> Result<Upload, StoreError> {
        let identity = identity.map(|key| key.public().as_bytes().as_slice());
        let now = SystemTime::from(now);
        let mut params: Vec<Param<'_>> = vec![
            (principal.device.as_uuid(), Type::UUID),
            (principal.session.as_uuid(), Type::UUID),
            (&identity, Type::BYTEA),
            (&now, Type::TIMESTAMPTZ),
        ];
        params.extend_from_slice(own);
        let lock: &[Param<'_>] =
            &[(principal.device.as_uuid(), Type::UUID), (principal.user.as_uuid(), Type::UUID)];
        let rows = self.locked((LOCK_IDENTITY, lock), (sql, &params)).await?;
        let row = rows.first().ok_or(StoreError::UnexpectedData)?;
        Ok(if !row.try_get::<_, bool>(0)? {
            Upload::NoSession
        } else if !row.try_get::<_, bool>(1)? {
            Upload::NoIdentity
        } else if row.try_get(2)? {
            Upload::LastResortClash
        } else {
            Upload::Stored(u32::try_from(row.try_get::<_, i64>(3)?).unwrap_or(u32::MAX))
        })
    }

    /// What a device of a user has in the directory; `None` if there is no such device.
    pub async fn find_key_status(
        &self,
        user: UserId,
        device: DeviceId,
    ) -> Result<Option<KeyStatus>, StoreError> {
        let rows = self
            .rows(
                "SELECT (SELECT count(*) FROM auth.prekeys WHERE device_id = d.id AND NOT is_used),
                        (SELECT count(*) FROM auth.kyber_prekeys WHERE device_id = d.id AND NOT is_used),
                        (SELECT count(*) FROM auth.prekeys WHERE device_id = d.id),
                        s.created_at, s.expires_at
                   FROM auth.devices d LEFT JOIN auth.signed_prekeys s ON s.device_id = d.id
                  WHERE d.id = $1 AND d.user_id = $2",
                &[(device.as_uuid(), Type::UUID), (user.as_uuid(), Type::UUID)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let count = |column| -> Result<u32, StoreError> {
            u32::try_from(row.try_get::<_, i64>(column)?).map_err(|_| StoreError::UnexpectedData)
        };
        let at = |column| -> Result<Option<Timestamp>, StoreError> {
            Ok(row.try_get::<_, Option<SystemTime>>(column)?.map(Timestamp::from))
        };
        Ok(Some(KeyStatus {
            prekeys: count(0)?,
            kyber_prekeys: count(1)?,
            all_prekeys: count(2)?,
            signed: at(3)?.zip(at(4)?),
        }))
    }

    /// Deletes what can never be handed out again: signed prekeys past their grace, and
    /// with each the unused one-time keys of its device, of at most `devices` devices. Gives
    /// of how many; fewer than asked for means that nothing is left. A device that comes
    /// back is told to upload.
    pub async fn clean_up_keys(&self, now: Timestamp, devices: i64) -> Result<i64, StoreError> {
        /// A device that has just uploaded one kind is about to upload the other.
        const QUIET: Duration = Duration::from_hours(24);
        let rows = self
            .rows(
                &CLEAN_UP,
                &[
                    (&SystemTime::from(now - SIGNED_GRACE), Type::TIMESTAMPTZ),
                    (&SystemTime::from(now - QUIET), Type::TIMESTAMPTZ),
                    (&devices, Type::INT8),
                ],
            )
            .await?;
        Ok(rows.first().ok_or(StoreError::UnexpectedData)?.try_get(0)?)
    }

    /// Counts the fleet's keys: reads every device's, for operators now and then.
    pub async fn key_stats(&self) -> Result<KeyStats, StoreError> {
        const DEADLINE: Duration = Duration::from_mins(1);
        let low = i64::from(LOW);
        let rows = self.rows_within(DEADLINE, STATS, &[(&low, Type::INT8)]).await?;
        let row = rows.first().ok_or(StoreError::UnexpectedData)?;
        Ok(KeyStats {
            prekeys: row.try_get(0)?,
            kyber_prekeys: row.try_get(1)?,
            devices: row.try_get(2)?,
            devices_low: row.try_get(3)?,
            devices_empty: row.try_get(4)?,
        })
    }
}

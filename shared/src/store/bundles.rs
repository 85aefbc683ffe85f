//! Handing out keys: the bundles of one device, of all devices of a user, or of several
//! users, in one statement. A one-time key is handed out at most once, the oldest first,
//! and is not said to be missing while one is there.
//!
//! A statement that takes a key locks its row and passes over rows that others have locked
//! (`SKIP LOCKED`), so nobody waits. If all that it saw were taken, or were replaced by an
//! upload, while it looked, it may be that newer ones are there: it is then asked again for
//! what is missing, until it sees none.

use domain::ids::{DeviceId, UserId};
use domain::prekey::lifecycle::SignedState;
use domain::prekey::{KyberKey, LOW, RegistrationId, SIGNED_GRACE, SignalDeviceId};
use domain::time::Timestamp;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::prekeys::{EC, KYBER, OneTimeKeyKind};
use super::{Param, Store, StoreError};

/// A user whose bundles are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub user: UserId,
    /// Whether one-time keys may be taken for it.
    pub one_time: bool,
}

/// A key with its id, in the text in which it came.
#[derive(Clone, Debug)]
pub struct StoredKey {
    pub id: i32,
    pub key: String,
}

#[derive(Clone, Debug)]
pub struct StoredSignedKey {
    pub id: i32,
    pub key: String,
    pub signature: String,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct StoredKyberKey {
    pub id: i32,
    pub key: KyberKey,
    pub signature: String,
    /// Not one-time: others have been given it too.
    pub last_resort: bool,
}

/// What somebody needs to begin a session with a device. One without a signed prekey had
/// one, which is long past its time.
#[derive(Clone, Debug)]
pub struct StoredBundle {
    pub user: UserId,
    pub device_list_version: i64,
    pub device: DeviceId,
    pub signal_device_id: SignalDeviceId,
    pub registration: Option<RegistrationId>,
    pub identity: String,
    pub signed: Option<StoredSignedKey>,
    pub prekey: Option<StoredKey>,
    pub kyber_prekey: Option<StoredKyberKey>,
}

/// $1 users, $2 whether one-time keys may be taken of each, $3 one device or null for all,
/// $4 a device to leave out or null, $5 the last expiry of a signed prekey that is not
/// handed out any more. Single values are asked for by subqueries, which the planner does
/// not have to bring into an order: it takes longer than the execution.
static TAKE: LazyLock<String> = LazyLock::new(|| {
    let takers = "(SELECT device_id, identity_id FROM target WHERE may_take) t";
    let low = |OneTimeKeyKind { table, .. }: OneTimeKeyKind| {
        format!(
            "t.may_take AND t.{table}_ample
               AND t.{table}_uploaded - coalesce({table}.position, t.{table}_uploaded) < {LOW}"
        )
    };
    let missed = |OneTimeKeyKind { table, .. }: OneTimeKeyKind| {
        format!(
            "t.may_take AND {table}.key_id IS NULL AND EXISTS (
               SELECT FROM auth.{table} k WHERE k.device_id = t.device_id AND NOT k.is_used
                  AND k.identity_id = t.identity_id)"
        )
    };
    format!(
        "WITH target AS MATERIALIZED (
           SELECT i.device_id, i.id AS identity_id, i.user_id, i.registration_id, i.public_key,
                  i.prekeys_ample, i.prekeys_uploaded,
                  i.kyber_prekeys_ample, i.kyber_prekeys_uploaded,
                  s.key_id AS signed_id, s.public_key AS signed_key,
                  s.signature AS signed_signature, s.expires_at,
                  w.one_time AND coalesce(s.expires_at > $5, false) AS may_take,
                  (SELECT u.device_list_version FROM auth.users_auth u WHERE u.id = i.user_id)
                    AS version,
                  (SELECT d.signal_device_id FROM auth.devices d WHERE d.id = i.device_id)
                    AS signal_device_id
             FROM unnest($1::uuid[], $2::bool[]) AS w (user_id, one_time)
             JOIN auth.identity_keys i ON i.user_id = w.user_id
             LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
            WHERE ($3::uuid IS NULL OR i.device_id = $3)
              AND ($4::uuid IS NULL OR i.device_id <> $4)),
         {curve},
         {kyber}
         SELECT t.user_id, t.version, t.device_id, t.signal_device_id, t.registration_id,
                t.public_key, t.signed_id, t.signed_key, t.signed_signature, t.expires_at,
                prekeys.key_id, prekeys.public_key, kyber_prekeys.key_id,
                kyber_prekeys.public_key, kyber_prekeys.signature,
                l.key_id, l.public_key, l.signature,
                {curve_missed}, {kyber_missed}, {curve_low} OR {kyber_low}, t.identity_id
           FROM target t
           LEFT JOIN prekeys_taken prekeys ON prekeys.device_id = t.device_id
           LEFT JOIN kyber_prekeys_taken kyber_prekeys ON kyber_prekeys.device_id = t.device_id
           LEFT JOIN LATERAL (
             SELECT k.key_id, k.public_key, k.signature FROM auth.kyber_last_resort_prekeys k
              WHERE k.device_id = t.device_id AND kyber_prekeys.key_id IS NULL
             OFFSET 0) l ON true",
        curve = EC.take(takers),
        kyber = KYBER.take(takers),
        curve_missed = missed(EC),
        kyber_missed = missed(KYBER),
        curve_low = low(EC),
        kyber_low = low(KYBER),
    )
});

/// The statement, for the bench to send it through others' clients.
#[doc(hidden)]
#[must_use]
pub fn take_statement() -> &'static str {
    &TAKE
}

/// The same for one kind, of the devices $1 alone, and only as long as they have the
/// identity keys $2: what is put into a bundle later must belong to the rest of it.
fn take_missed(kind: OneTimeKeyKind, columns: &str) -> String {
    let OneTimeKeyKind { table, .. } = kind;
    let missing = "unnest($1::uuid[], $2::uuid[]) AS t (device_id, identity_id)";
    format!(
        "WITH {take}
         SELECT t.device_id,
                c.key_id IS NULL AND EXISTS (
                  SELECT FROM auth.{table} k WHERE k.device_id = t.device_id AND NOT k.is_used
                     AND k.identity_id = t.identity_id),
                c.key_id, {columns}
           FROM {missing}
           LEFT JOIN {table}_taken c ON c.device_id = t.device_id",
        take = kind.take(missing),
    )
}

static TAKE_MISSED_EC: LazyLock<String> = LazyLock::new(|| take_missed(EC, "c.public_key"));
static TAKE_MISSED_KYBER: LazyLock<String> =
    LazyLock::new(|| take_missed(KYBER, "c.public_key, c.signature"));

/// Tells of devices that run low, each once for as often as enough was uploaded. Waits for
/// nobody: who holds the row of a device is uploading, or telling the same. What was counted
/// must be of the row as it still is (`xmin`). $1 devices, $2 now, $3 the same in
/// milliseconds.
static EMIT_PREKEYS_LOW: LazyLock<String> = LazyLock::new(|| {
    let left = |OneTimeKeyKind { table, .. }: OneTimeKeyKind| {
        format!(
            "(SELECT count(*) FROM (
                SELECT FROM auth.{table} k WHERE k.device_id = i.device_id AND NOT k.is_used
                 LIMIT {LOW}) k) AS {table}"
        )
    };
    format!(
        "WITH counted AS MATERIALIZED (
           SELECT i.device_id, i.xmin AS version, {curve}, {kyber}
             FROM auth.identity_keys i WHERE i.device_id = ANY ($1)),
         crossed AS MATERIALIZED (
           SELECT c.* FROM counted c CROSS JOIN LATERAL (
             SELECT FROM auth.identity_keys i
              WHERE i.device_id = c.device_id AND i.xmin = c.version
                AND (i.prekeys_ample AND c.prekeys < {LOW}
                     OR i.kyber_prekeys_ample AND c.kyber_prekeys < {LOW})
                FOR NO KEY UPDATE SKIP LOCKED) l),
         low AS (
           UPDATE auth.identity_keys i SET
             prekeys_ample = i.prekeys_ample AND c.prekeys >= {LOW},
             kyber_prekeys_ample = i.kyber_prekeys_ample AND c.kyber_prekeys >= {LOW}
             FROM crossed c WHERE i.device_id = c.device_id
           RETURNING i.user_id, i.device_id, c.prekeys, c.kyber_prekeys)
         INSERT INTO auth.outbox (user_id, topic, payload, created_at)
         SELECT user_id, 'prekeys.low', jsonb_build_object('userId', user_id,
                'deviceId', device_id, 'availablePreKeys', prekeys,
                'availableKyberPreKeys', kyber_prekeys, 'timestamp', $3::int8), $2
           FROM low
         RETURNING 1",
        curve = left(EC),
        kyber = left(KYBER),
    )
});

/// How often, and with which waits between, a statement is asked again that came too late for
/// every key it saw: for as long as whoever holds them may take (the store's deadline).
const AGAIN: usize = 200;
const WAIT: Duration = Duration::from_millis(10);

/// What the statement said besides the bundle.
#[derive(Clone, Copy)]
struct Missed {
    identity: Uuid,
    prekey: bool,
    kyber_prekey: bool,
}

impl Store {
    /// Takes the bundles of these users: of one `device` alone if given, of all but the one
    /// that is `left_out`. Ordered by user and Signal device id.
    pub async fn take_bundles(
        &self,
        targets: &[Target],
        device: Option<DeviceId>,
        left_out: Option<DeviceId>,
        now: Timestamp,
    ) -> Result<Vec<StoredBundle>, StoreError> {
        let users: Vec<Uuid> = targets.iter().map(|target| *target.user.as_uuid()).collect();
        let one_time: Vec<bool> = targets.iter().map(|target| target.one_time).collect();
        let [device, left_out] = [device, left_out].map(|id| id.map(|id| *id.as_uuid()));
        let dead = SystemTime::from(now - SIGNED_GRACE);
        let rows = self
            .rows(
                &TAKE,
                &[
                    (&users, Type::UUID_ARRAY),
                    (&one_time, Type::BOOL_ARRAY),
                    (&device, Type::UUID),
                    (&left_out, Type::UUID),
                    (&dead, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        let mut bundles = Vec::with_capacity(rows.len());
        let mut low = Vec::new();
        for row in &rows {
            let (bundle, missed) = read(row, now)?;
            if row.try_get(20)? {
                low.push(*bundle.device.as_uuid());
            }
            bundles.push((bundle, missed));
        }
        if let Err(error) = self.take_again(&mut bundles).await {
            // What was taken so far is handed out all the same.
            tracing::warn!(error = %error, "one-time keys may be missing from an answer");
        }
        if !low.is_empty() {
            self.emit_prekeys_low(&low, now).await;
        }
        let mut bundles: Vec<_> = bundles.into_iter().map(|(bundle, _)| bundle).collect();
        bundles.sort_by_key(|bundle| (bundle.user, bundle.signal_device_id));
        Ok(bundles)
    }

    /// Fills in what was missed because others took it, or an upload replaced it, while the
    /// statement looked.
    async fn take_again(&self, bundles: &mut [(StoredBundle, Missed)]) -> Result<(), StoreError> {
        for attempt in 0..AGAIN {
            let of = |wanted: fn(&Missed) -> bool| -> (Vec<Uuid>, Vec<Uuid>) {
                let missed = bundles.iter().filter(|(_, missed)| wanted(missed));
                missed.map(|(bundle, missed)| (*bundle.device.as_uuid(), missed.identity)).unzip()
            };
            let (curve, kyber) = (of(|m| m.prekey), of(|m| m.kyber_prekey));
            if curve.0.is_empty() && kyber.0.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                tokio::time::sleep(WAIT).await;
            }
            for row in self.rows_of(&TAKE_MISSED_EC, &curve).await? {
                let Some((bundle, missed)) = found(bundles, &row)? else { continue };
                missed.prekey = row.try_get(1)?;
                bundle.prekey = prekey(&row, 2)?;
            }
            for row in self.rows_of(&TAKE_MISSED_KYBER, &kyber).await? {
                let Some((bundle, missed)) = found(bundles, &row)? else { continue };
                missed.kyber_prekey = row.try_get(1)?;
                bundle.kyber_prekey = kyber_prekey(&row, 2, false)?.or(bundle.kyber_prekey.take());
            }
        }
        tracing::warn!("one-time keys were held by others for too long");
        Ok(())
    }

    /// A statement on devices and their identity keys, if there are any.
    async fn rows_of(
        &self,
        sql: &str,
        (devices, identities): &(Vec<Uuid>, Vec<Uuid>),
    ) -> Result<Vec<Row>, StoreError> {
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        self.rows(sql, &[(devices, Type::UUID_ARRAY), (identities, Type::UUID_ARRAY)]).await
    }

    /// The bundles are taken already: news that cannot be told now is told with the next.
    async fn emit_prekeys_low(&self, devices: &[Uuid], now: Timestamp) {
        let devices = devices.to_vec();
        let params: &[Param<'_>] = &[
            (&devices, Type::UUID_ARRAY),
            (&SystemTime::from(now), Type::TIMESTAMPTZ),
            (&now.millis(), Type::INT8),
        ];
        if let Err(error) = self.rows(&EMIT_PREKEYS_LOW, params).await {
            tracing::warn!(error = %error, "nobody is told yet that a device runs low");
        }
    }
}

fn read(row: &Row, now: Timestamp) -> Result<(StoredBundle, Missed), StoreError> {
    let signed = match row.try_get::<_, Option<i32>>(6)? {
        Some(id) => Some(StoredSignedKey {
            id,
            key: row.try_get(7)?,
            signature: row.try_get(8)?,
            expires_at: row.try_get::<_, SystemTime>(9)?.into(),
        }),
        None => None,
    };
    let kyber_prekey = match kyber_prekey(row, 12, false)? {
        Some(key) => Some(key),
        None => kyber_prekey(row, 15, true)?,
    };
    let bundle = StoredBundle {
        user: UserId::from_uuid(row.try_get(0)?),
        device_list_version: row.try_get(1)?,
        device: DeviceId::from_uuid(row.try_get(2)?),
        signal_device_id: SignalDeviceId::from_stored(row.try_get(3)?),
        registration: row.try_get::<_, Option<i32>>(4)?.map(RegistrationId::from_stored),
        identity: row.try_get(5)?,
        signed: signed.filter(|signed| SignedState::of(signed.expires_at, now).is_served()),
        prekey: prekey(row, 10)?,
        kyber_prekey,
    };
    let (prekey, kyber_prekey) = (row.try_get(18)?, row.try_get(19)?);
    Ok((bundle, Missed { identity: row.try_get(21)?, prekey, kyber_prekey }))
}

/// The bundle that a row's first column is about.
fn found<'b>(
    bundles: &'b mut [(StoredBundle, Missed)],
    row: &Row,
) -> Result<Option<&'b mut (StoredBundle, Missed)>, StoreError> {
    let device = DeviceId::from_uuid(row.try_get(0)?);
    Ok(bundles.iter_mut().find(|(bundle, _)| bundle.device == device))
}

/// The one-time key in the columns from `first` on, if one was had.
fn prekey(row: &Row, first: usize) -> Result<Option<StoredKey>, StoreError> {
    let Some(id) = row.try_get(first)? else { return Ok(None) };
    Ok(Some(StoredKey { id, key: row.try_get(first + 1)? }))
}

fn kyber_prekey(
    row: &Row,
    first: usize,
    last_resort: bool,
) -> Result<Option<StoredKyberKey>, StoreError> {
    let Some(id) = row.try_get(first)? else { return Ok(None) };
    let key = KyberKey::from_stored(row.try_get(first + 1)?);
    Ok(Some(StoredKyberKey { id, key, signature: row.try_get(first + 2)?, last_resort }))
}

//! Hands out keys: the bundles of one device, of all devices of a user, or of several users,
//! in one statement. A one-time key is handed out at most once, in upload order, and is
//! never reported missing while the device has one.
//!
//! A take locks the pages that it takes from, ordered by device and kind, and moves `next`
//! by one: who takes from the same page meanwhile waits for it. The new `next` says which key
//! was taken, and whether the page has just fallen below the low mark.
//!
//! A take that waits for a log-in with another identity key finds the page of that one. It
//! takes nothing from it, since the rest of its bundle is of the identity before, and is
//! repeated for this device.

use domain::ids::{DeviceId, UserId};
use domain::prekey::lifecycle::SignedPrekeyState;
use domain::prekey::{
    KyberKey, LOW_PREKEY_COUNT, MAX_BUNDLES, RegistrationId, SIGNED_PREKEY_GRACE, SignalDeviceId,
};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::entries::{StoredKey, StoredKyberKey, read_ec, read_kyber};
use super::kind::{EC, KYBER};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::telemetry::ErrorChain;

/// A user whose bundles are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub user: UserId,
    /// Whether one-time keys may be taken for it.
    pub one_time: bool,
}

#[derive(Clone, Debug)]
pub struct StoredSignedKey {
    pub id: i32,
    pub key: String,
    pub signature: String,
    pub expires_at: Timestamp,
}

/// What a peer needs to start a session with a device. Without a signed prekey: the device's
/// expired, and its grace is over.
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

/// The bundles of several users.
#[derive(Debug)]
pub struct TakenBundles {
    /// Ordered by user and Signal device id.
    pub bundles: Vec<StoredBundle>,
    /// Of so many users, from the first on. Nothing was taken of the others.
    pub users: usize,
}

/// Takes the bundles of the devices that `from` gives: identity keys `i` and whether one-time
/// keys may be taken (`w.one_time`), of how many users (`w.users`). `dead_before` is the last expiry of a signed prekey that
/// is not handed out any more.
///
/// What the UPDATE returns are columns of the page alone: if it waited, columns that it joins
/// are those of the page before. Rows of one device are read by subqueries, which the planner
/// cannot turn into a scan of the whole table, as it does while tables are small.
fn take(from: &str) -> String {
    let (ec, kyber) = (EC.number, KYBER.number);
    format!(
        "WITH target AS MATERIALIZED (
           SELECT i.device_id, i.id AS identity_id, i.user_id, i.registration_id, i.public_key,
                  s.key_id AS signed_id, s.public_key AS signed_key,
                  s.signature AS signed_signature, s.expires_at, w.users,
                  w.one_time AND coalesce(s.expires_at > :dead_before, false) AS may_take
             FROM {from}
             LEFT JOIN LATERAL (
               SELECT k.* FROM auth.signed_prekeys k WHERE k.device_id = i.device_id
               OFFSET 0) s ON true),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM target WHERE may_take ORDER BY device_id) t
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind FROM auth.prekey_pages p
               WHERE p.user_id = t.user_id AND p.device_id = t.device_id
                 AND p.identity_id = t.identity_id AND p.next < p.count
               ORDER BY p.kind FOR NO KEY UPDATE) p),
         taken AS (
           UPDATE auth.prekey_pages p SET next = p.next + 1 FROM page l
            WHERE p.user_id = l.user_id AND p.device_id = l.device_id AND p.kind = l.kind
           RETURNING p.user_id, p.device_id, p.kind, p.count - p.next AS unused,
                     substring(p.keys FROM (p.next - 1) * p.width + 1 FOR p.width) AS key),
         crossed AS ( -- one row per device, also if both kinds cross at once
           SELECT c.user_id, c.device_id FROM taken c
            WHERE c.unused = {LOW_PREKEY_COUNT} - 1
              AND (c.kind = {ec} OR NOT EXISTS (
                     SELECT FROM taken k WHERE k.device_id = c.device_id AND k.kind = {ec}
                        AND k.unused = {LOW_PREKEY_COUNT} - 1))),
         low_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT c.user_id, 'prekeys.low', jsonb_build_object('userId', c.user_id,
                  'deviceId', c.device_id,
                  'availablePreKeys', coalesce(
                    (SELECT unused FROM taken k WHERE k.device_id = c.device_id AND k.kind = {ec}), 0),
                  'availableKyberPreKeys', coalesce(
                    (SELECT unused FROM taken k WHERE k.device_id = c.device_id AND k.kind = {kyber}), 0),
                  'timestamp', :timestamp::int8), :now
             FROM crossed c)
         SELECT t.user_id, t.device_id, t.users,
                (SELECT u.device_list_version FROM auth.users_auth u WHERE u.id = t.user_id)
                  AS device_list_version,
                (SELECT d.signal_device_id FROM auth.devices d WHERE d.id = t.device_id)
                  AS signal_device_id,
                t.registration_id, t.identity_id, t.public_key AS identity_key,
                t.signed_id, t.signed_key, t.signed_signature,
                t.expires_at AS signed_prekey_expires_at,
                ec.key AS prekey, kyber.key AS kyber_prekey,
                l.key_id AS last_resort_id, l.public_key AS last_resort_key,
                l.signature AS last_resort_signature,
                CASE WHEN t.may_take AND (ec.key IS NULL OR kyber.key IS NULL) THEN EXISTS (
                  SELECT FROM auth.prekey_pages p
                   WHERE p.user_id = t.user_id AND p.device_id = t.device_id
                     AND p.identity_id = t.identity_id AND p.next < p.count
                     AND NOT EXISTS (SELECT FROM taken k WHERE k.device_id = p.device_id
                                                           AND k.kind = p.kind))
                ELSE false END AS is_missed,
                EXISTS (SELECT FROM crossed) AS is_low
           FROM target t
           LEFT JOIN taken ec ON ec.device_id = t.device_id AND ec.kind = {ec}
           LEFT JOIN taken kyber ON kyber.device_id = t.device_id AND kyber.kind = {kyber}
           LEFT JOIN LATERAL (
             SELECT k.key_id, k.public_key, k.signature FROM auth.kyber_last_resort_prekeys k
              WHERE k.device_id = t.device_id AND kyber.key IS NULL
             OFFSET 0) l ON true"
    )
}

const TYPES: [(&str, Type); 3] =
    [("dead_before", Type::TIMESTAMPTZ), ("now", Type::TIMESTAMPTZ), ("timestamp", Type::INT8)];

static TAKE_DEVICE_BUNDLE: LazyStatement = LazyStatement::new(|| {
    let from = "(SELECT :one_time::bool AS one_time, 1::int8 AS users) w
             JOIN auth.identity_keys i ON i.user_id = :user AND i.device_id = :device";
    let own = [("user", Type::UUID), ("device", Type::UUID), ("one_time", Type::BOOL)];
    Statement::new("take_device_bundle", &take(from), [&own[..], &TYPES].concat())
        .queued_when("is_low")
});

/// Of all devices of a user but the one that is `left_out`.
static TAKE_USER_BUNDLES: LazyStatement = LazyStatement::new(|| {
    let from = "(SELECT :one_time::bool AS one_time, 1::int8 AS users) w
            CROSS JOIN LATERAL (
              SELECT k.* FROM auth.identity_keys k
               WHERE k.user_id = :user AND k.device_id <> :left_out OFFSET 0) i";
    let own = [("user", Type::UUID), ("one_time", Type::BOOL), ("left_out", Type::UUID)];
    Statement::new("take_user_bundles", &take(from), [&own[..], &TYPES].concat())
        .queued_when("is_low")
});

/// Of several users, from the first on as many as an answer has room for. `one_time` says of each
/// user whether one-time keys may be taken.
static TAKE_BUNDLES: LazyStatement = LazyStatement::new(|| {
    let from = format!(
        "(SELECT f.user_id, f.one_time, count(*) OVER () AS users
                FROM (SELECT u.user_id, u.one_time, sum(d.devices) OVER (ORDER BY u.place) AS bundles
                        FROM unnest(:users::uuid[], :one_time::bool[]) WITH ORDINALITY
                               AS u (user_id, one_time, place)
                       CROSS JOIN LATERAL (
                         SELECT count(*) AS devices FROM auth.identity_keys k
                          WHERE k.user_id = u.user_id AND k.device_id <> :left_out) d) f
               WHERE f.bundles <= {MAX_BUNDLES}) w
            CROSS JOIN LATERAL (
              SELECT k.* FROM auth.identity_keys k
               WHERE k.user_id = w.user_id AND k.device_id <> :left_out OFFSET 0) i"
    );
    let own =
        [("users", Type::UUID_ARRAY), ("one_time", Type::BOOL_ARRAY), ("left_out", Type::UUID)];
    Statement::new("take_bundles", &take(&from), [&own[..], &TYPES].concat()).queued_when("is_low")
});

/// Of devices that have another identity key than before.
static TAKE_CHANGED_BUNDLES: LazyStatement = LazyStatement::new(|| {
    let from = "(SELECT u.device_id, u.identity_id, true AS one_time, 1::int8 AS users
                FROM unnest(:devices::uuid[], :identities::uuid[]) AS u (device_id, identity_id)) w
            CROSS JOIN LATERAL (
              SELECT k.* FROM auth.identity_keys k
               WHERE k.device_id = w.device_id AND k.id <> w.identity_id OFFSET 0) i";
    let own = [("devices", Type::UUID_ARRAY), ("identities", Type::UUID_ARRAY)];
    Statement::new("take_changed_bundles", &take(from), [&own[..], &TYPES].concat())
        .queued_when("is_low")
});

row_struct! {
    struct BundleRow {
        user_id: Uuid,
        users: i64,
        device_list_version: i64,
        device_id: Uuid,
        signal_device_id: i16,
        registration_id: Option<i32>,
        identity_id: Uuid,
        identity_key: String,
        signed_id: Option<i32>,
        signed_key: Option<String>,
        signed_signature: Option<String>,
        signed_prekey_expires_at: Option<SystemTime>,
        prekey: Option<Vec<u8>>,
        kyber_prekey: Option<Vec<u8>>,
        last_resort_id: Option<i32>,
        last_resort_key: Option<Vec<u8>>,
        last_resort_signature: Option<String>,
        is_missed: bool,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&TAKE_DEVICE_BUNDLE, &TAKE_USER_BUNDLES, &TAKE_BUNDLES, &TAKE_CHANGED_BUNDLES];

impl Store {
    /// Takes the bundle of one device of a user.
    pub async fn take_device_bundle(
        &self,
        target: Target,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<Option<StoredBundle>, StoreError> {
        let own: &[Parameter<'_>] = &[
            ("user", target.user.as_uuid()),
            ("device", device.as_uuid()),
            ("one_time", &target.one_time),
        ];
        let taken = self.take(&TAKE_DEVICE_BUNDLE, own, now).await?;
        Ok(taken.bundles.into_iter().next())
    }

    /// Takes the bundles of all devices of a user but the one that is `left_out`. Ordered by
    /// Signal device id.
    pub async fn take_user_bundles(
        &self,
        target: Target,
        left_out: Option<DeviceId>,
        now: Timestamp,
    ) -> Result<Vec<StoredBundle>, StoreError> {
        let left_out = left_out.map_or_else(Uuid::nil, |device| *device.as_uuid());
        let own: &[Parameter<'_>] = &[
            ("user", target.user.as_uuid()),
            ("one_time", &target.one_time),
            ("left_out", &left_out),
        ];
        Ok(self.take(&TAKE_USER_BUNDLES, own, now).await?.bundles)
    }

    /// The same of these users, from the first on as many as an answer has room for.
    pub async fn take_bundles(
        &self,
        targets: &[Target],
        left_out: Option<DeviceId>,
        now: Timestamp,
    ) -> Result<TakenBundles, StoreError> {
        let users: Vec<Uuid> = targets.iter().map(|target| *target.user.as_uuid()).collect();
        let one_time: Vec<bool> = targets.iter().map(|target| target.one_time).collect();
        let left_out = left_out.map_or_else(Uuid::nil, |device| *device.as_uuid());
        let own: &[Parameter<'_>] =
            &[("users", &users), ("one_time", &one_time), ("left_out", &left_out)];
        let taken = self.take(&TAKE_BUNDLES, own, now).await?;
        // Without a device there is no row, and all users have had their answer: none has a device.
        let users = if taken.bundles.is_empty() { targets.len() } else { taken.users };
        Ok(TakenBundles { users, ..taken })
    }

    async fn take(
        &self,
        statement: &'static Statement,
        own: &[Parameter<'_>],
        now: Timestamp,
    ) -> Result<TakenBundles, StoreError> {
        let mut rows = self.take_rows(statement, own, now).await?;
        let users = rows.first().map_or(0, |row| row.users);
        let users = usize::try_from(users).map_err(|_| statement.unexpected("a count"))?;
        let missed = rows.iter().filter(|row| row.is_missed);
        let (devices, identities): (Vec<Uuid>, Vec<Uuid>) =
            missed.map(|row| (row.device_id, row.identity_id)).unzip();
        if !devices.is_empty() {
            let own: &[Parameter<'_>] = &[("devices", &devices), ("identities", &identities)];
            match self.take_rows(&TAKE_CHANGED_BUNDLES, own, now).await {
                Ok(changed) => {
                    rows.retain(|row| changed.iter().all(|c| c.device_id != row.device_id));
                    rows.extend(changed);
                }
                // The others have been taken, and are handed out.
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "failed to take changed bundles");
                }
            }
        }
        let bundles = rows.into_iter().map(|row| row.into_bundle(statement, now));
        let mut bundles: Vec<_> = bundles.collect::<Result<_, _>>()?;
        bundles.sort_by_key(|bundle| (bundle.user, bundle.signal_device_id));
        Ok(TakenBundles { bundles, users })
    }

    async fn take_rows(
        &self,
        statement: &'static Statement,
        own: &[Parameter<'_>],
        now: Timestamp,
    ) -> Result<Vec<BundleRow>, StoreError> {
        let dead_before = SystemTime::from(now - SIGNED_PREKEY_GRACE);
        let (at, timestamp) = (SystemTime::from(now), now.millis());
        let mut parameters: Vec<Parameter<'_>> = own.to_vec();
        parameters.extend::<[Parameter<'_>; 3]>([
            ("dead_before", &dead_before),
            ("now", &at),
            ("timestamp", &timestamp),
        ]);
        self.fetch_all(statement, &parameters).await
    }
}

impl BundleRow {
    fn into_bundle(
        self,
        statement: &Statement,
        now: Timestamp,
    ) -> Result<StoredBundle, StoreError> {
        let signed = self
            .signed_id
            .zip(self.signed_key)
            .zip(self.signed_signature.zip(self.signed_prekey_expires_at))
            .map(|((id, key), (signature, expires_at))| StoredSignedKey {
                id,
                key,
                signature,
                expires_at: expires_at.into(),
            });
        let unexpected = || statement.unexpected("a one-time key");
        let prekey = self.prekey.map(|entry| read_ec(&entry).ok_or_else(unexpected)).transpose()?;
        let one_time =
            self.kyber_prekey.map(|entry| read_kyber(&entry).ok_or_else(unexpected)).transpose()?;
        let last_resort =
            self.last_resort_id.zip(self.last_resort_key).zip(self.last_resort_signature).map(
                |((id, key), signature)| StoredKyberKey {
                    id,
                    key: KyberKey::from_stored(key),
                    signature,
                    last_resort: true,
                },
            );
        Ok(StoredBundle {
            user: UserId::from_uuid(self.user_id),
            device_list_version: self.device_list_version,
            device: DeviceId::from_uuid(self.device_id),
            signal_device_id: SignalDeviceId::from_stored(self.signal_device_id),
            registration: self.registration_id.map(RegistrationId::from_stored),
            identity: self.identity_key,
            signed: signed
                .filter(|signed| SignedPrekeyState::of(signed.expires_at, now).is_served()),
            prekey,
            kyber_prekey: one_time.or(last_resort),
        })
    }
}

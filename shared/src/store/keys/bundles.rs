//! Hands out keys: the bundles of one device, of all devices of a user, or of several users,
//! in one statement. A one-time key is handed out at most once, the oldest first, and is
//! never reported missing while the device has one.
//!
//! A statement that takes a key locks its row and skips rows that others have locked
//! (`SKIP LOCKED`), so it never waits. If all that it saw were taken, or were replaced by an
//! upload, while it ran, newer ones may exist: what is missing is taken again, until none is
//! seen.

use domain::ids::{DeviceId, UserId};
use domain::prekey::lifecycle::SignedPrekeyState;
use domain::prekey::{
    KyberKey, LOW_PREKEY_COUNT, RegistrationId, SIGNED_PREKEY_GRACE, SignalDeviceId,
};
use domain::time::Timestamp;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::kind::{EC, KYBER, OneTimeKeyKind};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{FromRow, LazyStatement, Parameter, Statement, row_struct};
use crate::telemetry::ErrorChain;

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

/// Whether the statement came too late for every one-time key of the device `t` that it saw.
fn missed(kind: OneTimeKeyKind, taken: &str) -> String {
    let OneTimeKeyKind { table, .. } = kind;
    format!(
        "{taken}.key_id IS NULL AND EXISTS (
               SELECT FROM auth.{table} k WHERE k.device_id = t.device_id AND NOT k.is_used
                  AND k.identity_id = t.identity_id)"
    )
}

/// `one_time` says of each user whether one-time keys may be taken; `device` is one device or
/// null for all, `left_out` one to leave out or null, `dead_before` the last expiry of a
/// signed prekey that is not handed out any more. Single values are read by subqueries, which
/// the planner does not have to order: that takes longer than the execution.
static TAKE_BUNDLES: LazyStatement = LazyStatement::new(|| {
    let takers = "(SELECT device_id, identity_id FROM target WHERE may_take) t";
    let low = |OneTimeKeyKind { table, .. }: OneTimeKeyKind| {
        format!(
            "t.may_take AND t.{table}_ample
               AND t.{table}_uploaded - coalesce({table}.position, t.{table}_uploaded) < {LOW_PREKEY_COUNT}"
        )
    };
    let sql = format!(
        "WITH target AS MATERIALIZED (
           SELECT i.device_id, i.id AS identity_id, i.user_id, i.registration_id, i.public_key,
                  i.prekeys_ample, i.prekeys_uploaded,
                  i.kyber_prekeys_ample, i.kyber_prekeys_uploaded,
                  s.key_id AS signed_id, s.public_key AS signed_key,
                  s.signature AS signed_signature, s.expires_at,
                  w.one_time AND coalesce(s.expires_at > :dead_before, false) AS may_take,
                  (SELECT u.device_list_version FROM auth.users_auth u WHERE u.id = i.user_id)
                    AS version,
                  (SELECT d.signal_device_id FROM auth.devices d WHERE d.id = i.device_id)
                    AS signal_device_id
             FROM unnest(:users::uuid[], :one_time::bool[]) AS w (user_id, one_time)
             JOIN auth.identity_keys i ON i.user_id = w.user_id
             LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
            WHERE (:device::uuid IS NULL OR i.device_id = :device)
              AND (:left_out::uuid IS NULL OR i.device_id <> :left_out)),
         {curve},
         {kyber}
         SELECT t.user_id, t.version AS device_list_version, t.device_id, t.signal_device_id,
                t.registration_id, t.identity_id, t.public_key AS identity_key,
                t.signed_id, t.signed_key, t.signed_signature, t.expires_at AS signed_prekey_expires_at,
                prekeys.key_id AS prekey_id, prekeys.public_key AS prekey,
                kyber_prekeys.key_id AS kyber_id, kyber_prekeys.public_key AS kyber_key,
                kyber_prekeys.signature AS kyber_signature,
                l.key_id AS last_resort_id, l.public_key AS last_resort_key,
                l.signature AS last_resort_signature,
                t.may_take AND {curve_missed} AS prekey_missed,
                t.may_take AND {kyber_missed} AS kyber_missed,
                {curve_low} OR {kyber_low} AS is_low
           FROM target t
           LEFT JOIN prekeys_taken prekeys ON prekeys.device_id = t.device_id
           LEFT JOIN kyber_prekeys_taken kyber_prekeys ON kyber_prekeys.device_id = t.device_id
           LEFT JOIN LATERAL (
             SELECT k.key_id, k.public_key, k.signature FROM auth.kyber_last_resort_prekeys k
              WHERE k.device_id = t.device_id AND kyber_prekeys.key_id IS NULL
             OFFSET 0) l ON true",
        curve = EC.take(takers),
        kyber = KYBER.take(takers),
        curve_missed = missed(EC, "prekeys"),
        kyber_missed = missed(KYBER, "kyber_prekeys"),
        curve_low = low(EC),
        kyber_low = low(KYBER),
    );
    let types = [
        ("users", Type::UUID_ARRAY),
        ("one_time", Type::BOOL_ARRAY),
        ("device", Type::UUID),
        ("left_out", Type::UUID),
        ("dead_before", Type::TIMESTAMPTZ),
    ];
    Statement::new("take_bundles", &sql, types)
});

row_struct! {
    struct BundleRow {
        user_id: Uuid,
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
        prekey_id: Option<i32>,
        prekey: Option<String>,
        kyber_id: Option<i32>,
        kyber_key: Option<Vec<u8>>,
        kyber_signature: Option<String>,
        last_resort_id: Option<i32>,
        last_resort_key: Option<Vec<u8>>,
        last_resort_signature: Option<String>,
        prekey_missed: bool,
        kyber_missed: bool,
        is_low: bool,
    }
}

/// The same for one kind, of these devices alone, and only as long as they have these
/// identity keys: what is put into a bundle later must belong to the rest of it.
fn take_missed(kind: OneTimeKeyKind, columns: &str) -> String {
    let OneTimeKeyKind { table, .. } = kind;
    let missing = "unnest(:devices::uuid[], :identities::uuid[]) AS t (device_id, identity_id)";
    format!(
        "WITH {take}
         SELECT t.device_id, {missed} AS missed, {columns}
           FROM {missing}
           LEFT JOIN {table}_taken c ON c.device_id = t.device_id",
        take = kind.take(missing),
        missed = missed(kind, "c"),
    )
}

const MISSED_TYPES: [(&str, Type); 2] =
    [("devices", Type::UUID_ARRAY), ("identities", Type::UUID_ARRAY)];

static TAKE_MISSED_PREKEYS: LazyStatement = LazyStatement::new(|| {
    let sql = take_missed(EC, "c.key_id AS prekey_id, c.public_key AS prekey");
    Statement::new("take_missed_prekeys", &sql, MISSED_TYPES)
});

row_struct! {
    struct MissedPrekeyRow {
        device_id: Uuid,
        missed: bool,
        prekey_id: Option<i32>,
        prekey: Option<String>,
    }
}

static TAKE_MISSED_KYBER_PREKEYS: LazyStatement = LazyStatement::new(|| {
    let columns = "c.key_id AS kyber_id, c.public_key AS kyber_key, c.signature AS kyber_signature";
    let sql = take_missed(KYBER, columns);
    Statement::new("take_missed_kyber_prekeys", &sql, MISSED_TYPES)
});

row_struct! {
    struct MissedKyberPrekeyRow {
        device_id: Uuid,
        missed: bool,
        kyber_id: Option<i32>,
        kyber_key: Option<Vec<u8>>,
        kyber_signature: Option<String>,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&TAKE_BUNDLES, &TAKE_MISSED_PREKEYS, &TAKE_MISSED_KYBER_PREKEYS];

/// How often, and with which waits between, keys that were missed are taken again: for as
/// long as other requests may hold them (the store's deadline).
const ATTEMPTS: usize = 200;
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
        let parameters: &[Parameter<'_>] = &[
            ("users", &users),
            ("one_time", &one_time),
            ("device", &device),
            ("left_out", &left_out),
            ("dead_before", &SystemTime::from(now - SIGNED_PREKEY_GRACE)),
        ];
        let rows: Vec<BundleRow> = self.fetch_all(&TAKE_BUNDLES, parameters).await?;
        let low: Vec<Uuid> =
            rows.iter().filter(|row| row.is_low).map(|row| row.device_id).collect();
        let mut bundles: Vec<_> = rows.into_iter().map(|row| row.into_bundle(now)).collect();
        if let Err(error) = self.take_missed(&mut bundles).await {
            // What was taken so far is handed out all the same.
            tracing::warn!(error = %ErrorChain(&error), "failed to take missed one-time keys");
        }
        if !low.is_empty()
            && let Err(error) = self.emit_prekeys_low(&low, now).await
        {
            // The bundles are taken already: the event is emitted with the next.
            tracing::warn!(error = %ErrorChain(&error), "failed to emit prekeys.low");
        }
        let mut bundles: Vec<_> = bundles.into_iter().map(|(bundle, _)| bundle).collect();
        bundles.sort_by_key(|bundle| (bundle.user, bundle.signal_device_id));
        Ok(bundles)
    }

    /// Fills in what was missed because others took it, or an upload replaced it, while the
    /// statement ran.
    async fn take_missed(&self, bundles: &mut [(StoredBundle, Missed)]) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
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
            let rows: Vec<MissedPrekeyRow> = self.missed(&TAKE_MISSED_PREKEYS, &curve).await?;
            for row in rows {
                let Some((bundle, missed)) = find(bundles, row.device_id) else { continue };
                missed.prekey = row.missed;
                bundle.prekey = prekey(row.prekey_id, row.prekey);
            }
            let rows: Vec<MissedKyberPrekeyRow> =
                self.missed(&TAKE_MISSED_KYBER_PREKEYS, &kyber).await?;
            for row in rows {
                let Some((bundle, missed)) = find(bundles, row.device_id) else { continue };
                missed.kyber_prekey = row.missed;
                let taken = kyber_prekey(row.kyber_id, row.kyber_key, row.kyber_signature, false);
                bundle.kyber_prekey = taken.or(bundle.kyber_prekey.take());
            }
        }
        tracing::warn!("failed to take one-time keys that other requests hold");
        Ok(())
    }

    /// A statement on devices and their identity keys, if there are any.
    async fn missed<R: FromRow>(
        &self,
        statement: &'static Statement,
        (devices, identities): &(Vec<Uuid>, Vec<Uuid>),
    ) -> Result<Vec<R>, StoreError> {
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch_all(statement, &[("devices", devices), ("identities", identities)]).await
    }
}

impl BundleRow {
    fn into_bundle(self, now: Timestamp) -> (StoredBundle, Missed) {
        let missed = Missed {
            identity: self.identity_id,
            prekey: self.prekey_missed,
            kyber_prekey: self.kyber_missed,
        };
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
        let one_time = kyber_prekey(self.kyber_id, self.kyber_key, self.kyber_signature, false);
        let last_resort = kyber_prekey(
            self.last_resort_id,
            self.last_resort_key,
            self.last_resort_signature,
            true,
        );
        let bundle = StoredBundle {
            user: UserId::from_uuid(self.user_id),
            device_list_version: self.device_list_version,
            device: DeviceId::from_uuid(self.device_id),
            signal_device_id: SignalDeviceId::from_stored(self.signal_device_id),
            registration: self.registration_id.map(RegistrationId::from_stored),
            identity: self.identity_key,
            signed: signed
                .filter(|signed| SignedPrekeyState::of(signed.expires_at, now).is_served()),
            prekey: prekey(self.prekey_id, self.prekey),
            kyber_prekey: one_time.or(last_resort),
        };
        (bundle, missed)
    }
}

/// The bundle of that device.
fn find(
    bundles: &mut [(StoredBundle, Missed)],
    device: Uuid,
) -> Option<&mut (StoredBundle, Missed)> {
    let device = DeviceId::from_uuid(device);
    bundles.iter_mut().find(|(bundle, _)| bundle.device == device)
}

fn prekey(id: Option<i32>, key: Option<String>) -> Option<StoredKey> {
    id.zip(key).map(|(id, key)| StoredKey { id, key })
}

fn kyber_prekey(
    id: Option<i32>,
    key: Option<Vec<u8>>,
    signature: Option<String>,
    last_resort: bool,
) -> Option<StoredKyberKey> {
    let ((id, key), signature) = id.zip(key).zip(signature)?;
    Some(StoredKyberKey { id, key: KyberKey::from_stored(key), signature, last_resort })
}

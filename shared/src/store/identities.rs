//! `identity_keys`, `signed_prekeys`, `kyber_last_resort_prekeys`: what of a device's keys
//! lasts. A device with an identity key is in the directory, and its user's
//! `device_list_version` moves with every change of that.
//!
//! Locks are taken in one order everywhere: account, device, identity key, one-time keys.

use deadpool_postgres::Object;
use domain::ids::{DeviceId, EntryId, UserId};
use domain::prekey::devices::DirectoryDevice;
use domain::prekey::lifecycle::signed_expires_at;
use domain::prekey::{
    IdentityKey, KeyId, KyberKey, KyberPrekey, Prekey, PublicKey, RegistrationId, SignalDeviceId,
    SignedPrekey,
};
use domain::time::Timestamp;
use std::sync::LazyLock;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::outbox::audit;
use super::prekeys::{archive_last_resort, delete_unused, publish_one_time};
use super::{Param, Store, StoreError};
use crate::audit::AuditEntry;
use crate::clock::Rng;
use domain::principal::Principal;

/// All keys of a device, as a log-in brings them.
#[derive(Debug)]
pub struct DeviceKeys {
    pub identity: IdentityKey,
    pub registration: Option<RegistrationId>,
    pub signed: SignedPrekey,
    pub last_resort: Option<KyberPrekey>,
    pub prekeys: Vec<Prekey>,
    pub kyber_prekeys: Vec<KyberPrekey>,
}

/// The keys that a log-in brings, on their way into the store.
#[derive(Debug)]
pub struct NewKeys {
    pub keys: DeviceKeys,
    /// Makes the ids of their rows.
    pub rng: Rng,
    /// Recorded if the device had another identity key before.
    pub audit: AuditEntry,
}

/// A device as the directory lists it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRow {
    pub device: DeviceId,
    pub listed: DirectoryDevice,
}

/// The devices of a user that others encrypt to.
#[derive(Debug)]
pub struct DeviceList {
    pub version: i64,
    pub devices: Vec<DeviceRow>,
}

/// The lasting keys of a device, as a client compares them with its own.
#[derive(Debug)]
pub struct PublishedKeys {
    pub identity: PublicKey,
    pub signed: Option<(KeyId, PublicKey)>,
    pub last_resort: Option<(KeyId, KyberKey)>,
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// So many keys of it are there to be handed out.
    Stored(u32),
    /// The session has ended meanwhile.
    NoSession,
    /// The device has no identity key, or another than the signatures were checked with.
    NoIdentity,
    /// A one-time Kyber key would share its id, or all of itself, with the last resort.
    LastResortClash,
}

/// The constraint that keeps an identity key with one user.
pub(super) const IDENTITY_IN_USE: &str = "identity_keys_identity";

/// Runs in the log-in's transaction, after the statement that wrote the device, under the
/// account's lock. $1 user, $2 fingerprint, $3 identity, $4 its text, $5 registration id,
/// $6 row, $7 now, $8-$12 signed prekey, $13-$17 last resort, $18 entry, $19 personal.
static PUBLISH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH device AS (
           SELECT id, id AS device_id, user_id FROM auth.devices
            WHERE user_id = $1 AND device_fingerprint = $2),
         before AS (
           SELECT i.device_id, i.identity, i.registration_id
             FROM auth.identity_keys i JOIN device d ON d.id = i.device_id),
         moved AS ( -- from another device of the same user
           DELETE FROM auth.identity_keys i USING device d
            WHERE i.identity = $3 AND i.user_id = d.user_id AND i.device_id <> d.id
           RETURNING i.device_id),
         {deleted_unused},
         {archived},
         published AS (
           INSERT INTO auth.identity_keys AS i (device_id, id, user_id, public_key, identity,
                  registration_id, created_at, updated_at)
           SELECT id, $6, user_id, $4, $3, $5, $7, $7 FROM device
            WHERE (SELECT count(*) FROM moved) >= 0 -- the other device lets go of it first
           ON CONFLICT (device_id) DO UPDATE SET
             public_key = $4, identity = $3, registration_id = coalesce($5, i.registration_id),
             id = CASE WHEN i.identity = $3 THEN i.id ELSE $6 END,
             created_at = CASE WHEN i.identity = $3 THEN i.created_at ELSE $7 END,
             updated_at = $7
           RETURNING device_id, user_id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS s (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $8, $9, $10, $11, $12, $7 FROM published
           {SIGNED_REPLACES}),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $13, $14, $15, $16, $17, $7 FROM published WHERE $14 IS NOT NULL
           {LAST_RESORT_REPLACES}),
         unsigned AS ( -- of the earlier identity
           DELETE FROM auth.kyber_last_resort_prekeys k USING before b
            WHERE k.device_id = b.device_id AND b.identity <> $3 AND $14 IS NULL),
         changed AS (
           SELECT p.user_id, b.identity <> $3 OR EXISTS (SELECT FROM moved) AS another
             FROM published p LEFT JOIN before b ON b.device_id = p.device_id
            WHERE b.device_id IS NULL OR b.identity <> $3
               OR $5 <> coalesce(b.registration_id, 0) OR EXISTS (SELECT FROM moved)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM changed c WHERE u.id = c.user_id),
         cause AS (SELECT user_id FROM changed WHERE another),
         {audit}
         SELECT 1 FROM published",
        deleted_unused = delete_unused("moved"),
        archived = archive_last_resort("device", "$15"),
        audit = audit("cause", 18, 19, 7),
    )
});

const SIGNED_REPLACES: &str = "ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at";
const LAST_RESORT_REPLACES: &str = "ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at";

/// The lock under which the keys of a device are replaced. $1 device, $2 user.
pub(super) const LOCK_IDENTITY: &str = "SELECT FROM auth.identity_keys
      WHERE device_id = $1 AND user_id = $2 FOR NO KEY UPDATE";

/// The same of all devices of a user, or of one; the account first. $1 user, $2 device or
/// null.
const LOCK_ACCOUNT_KEYS: &str = "WITH account AS MATERIALIZED (
       SELECT id FROM auth.users_auth WHERE id = $1 FOR NO KEY UPDATE)
     SELECT FROM account a JOIN auth.identity_keys i ON i.user_id = a.id
      WHERE $2::uuid IS NULL OR i.device_id = $2
      ORDER BY i.device_id FOR UPDATE OF i";

/// What an upload stands on: the session that asked lives, and the device has the identity
/// key that signatures were checked with. A log-in may have come in between. $1 device,
/// $2 session, $3 identity or null where no signature depends on it; $4 is now.
pub(super) const UPLOADER: &str = "session AS (
           SELECT FROM auth.sessions WHERE id = $2 AND revoked_at IS NULL),
         found AS (
           SELECT device_id, id, false AS renewed FROM auth.identity_keys
            WHERE device_id = $1 AND ($3::bytea IS NULL OR identity = $3)
              AND EXISTS (SELECT FROM session))";

/// [`UPLOADER`], $5 row, $6-$8 key, $9 its expiry.
static ROTATE_SIGNED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH {UPLOADER},
         seen AS (
           UPDATE auth.identity_keys i SET updated_at = $4 FROM found f
            WHERE i.device_id = f.device_id),
         signed AS (
           INSERT INTO auth.signed_prekeys (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $5, $6, $7, $8, $9, $4 FROM found
           {SIGNED_REPLACES})
         SELECT EXISTS (SELECT FROM session), EXISTS (SELECT FROM found), false, 1::int8"
    )
});

/// [`UPLOADER`], $5 row, $6-$9 key.
static REPLACE_LAST_RESORT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH {UPLOADER},
         clash AS (
           SELECT FROM auth.kyber_prekeys
            WHERE device_id = $1 AND is_one_time
              AND (key_hash = $7 OR NOT is_used AND key_id = $6)),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         {archived},
         seen AS (
           UPDATE auth.identity_keys i SET updated_at = $4 FROM found f
            WHERE i.device_id = f.device_id),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $5, $6, $7, $8, $9, $4 FROM owner
           {LAST_RESORT_REPLACES})
         SELECT EXISTS (SELECT FROM session), EXISTS (SELECT FROM found),
                EXISTS (SELECT FROM clash), 1::int8",
        archived = archive_last_resort("owner", "$7"),
    )
});

/// $1 user, $2 device or null for all, $3 now, $4 entry, $5 personal.
static DELETE_KEYS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH gone AS (
           DELETE FROM auth.identity_keys
            WHERE user_id = $1 AND ($2::uuid IS NULL OR device_id = $2)
           RETURNING device_id, user_id),
         {deleted_unused},
         {archived},
         cause AS (SELECT DISTINCT user_id FROM gone),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM cause c WHERE u.id = c.user_id),
         {audit}
         SELECT EXISTS (SELECT FROM auth.devices
                         WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2))",
        deleted_unused = delete_unused("gone"),
        archived = archive_last_resort("gone", "NULL::bytea"),
        audit = audit("cause", 4, 5, 3),
    )
});

/// Publishes the keys of a log-in, in its transaction, after the statement that wrote the
/// device and without waiting for it: both statements do nothing where there is none. False
/// if the last resort clashes with a one-time key: the transaction must not go on.
pub(super) async fn publish(
    client: &Object,
    user: UserId,
    fingerprint: &str,
    now: Timestamp,
    new: &NewKeys,
) -> Result<bool, StoreError> {
    let NewKeys { keys, rng, audit } = new;
    let DeviceKeys { identity, signed, last_resort, .. } = keys;
    let row = || EntryId::new(now, &rng.bytes());
    let identity_row = row();
    let last_resort = last_resort.as_ref();
    let lasting = async {
        client
            .query_typed(
                &PUBLISH,
                &[
                    (user.as_uuid(), Type::UUID),
                    (&fingerprint, Type::TEXT),
                    (&identity.public().as_bytes().as_slice(), Type::BYTEA),
                    (&identity.public().as_str(), Type::TEXT),
                    (&keys.registration.map(RegistrationId::get), Type::INT4),
                    (identity_row.as_uuid(), Type::UUID),
                    (&SystemTime::from(now), Type::TIMESTAMPTZ),
                    (row().as_uuid(), Type::UUID),
                    (&signed.id.get(), Type::INT4),
                    (&signed.key.as_str(), Type::TEXT),
                    (&signed.signature.as_str(), Type::TEXT),
                    (&SystemTime::from(signed_expires_at(now)), Type::TIMESTAMPTZ),
                    (row().as_uuid(), Type::UUID),
                    (&last_resort.map(|k| k.id.get()), Type::INT4),
                    (&last_resort.map(|k| k.key.hash().to_vec()), Type::BYTEA),
                    (&last_resort.map(|k| k.key.as_bytes()), Type::BYTEA),
                    (&last_resort.map(|k| k.signature.as_str()), Type::TEXT),
                    (&audit.entry, Type::TEXT),
                    (&audit.personal, Type::JSONB),
                ],
            )
            .await
    };
    let one_time = publish_one_time(client, (user, fingerprint), (identity_row, now), *rng, keys);
    let (lasting, one_time) = tokio::join!(lasting, one_time);
    lasting?;
    one_time
}

impl Store {
    /// The identity key of a device, to check signatures with.
    pub async fn find_identity_key(
        &self,
        device: DeviceId,
    ) -> Result<Option<IdentityKey>, StoreError> {
        let sql = "SELECT public_key FROM auth.identity_keys WHERE device_id = $1";
        let rows = self.rows(sql, &[(device.as_uuid(), Type::UUID)]).await?;
        rows.first().map(|row| public_key(row.try_get(0)?).map(IdentityKey::from)).transpose()
    }

    /// Replaces the signed prekey of the caller's device, whose signature was checked with
    /// this identity key.
    pub async fn replace_signed_prekey(
        &self,
        principal: Principal,
        identity: &IdentityKey,
        signed: &SignedPrekey,
        now: Timestamp,
        rng: Rng,
    ) -> Result<Upload, StoreError> {
        let row = EntryId::new(now, &rng.bytes());
        self.upload(
            principal,
            Some(identity),
            now,
            &ROTATE_SIGNED,
            &[
                (row.as_uuid(), Type::UUID),
                (&signed.id.get(), Type::INT4),
                (&signed.key.as_str(), Type::TEXT),
                (&signed.signature.as_str(), Type::TEXT),
                (&SystemTime::from(signed_expires_at(now)), Type::TIMESTAMPTZ),
            ],
        )
        .await
    }

    /// Replaces the Kyber prekey of last resort in the same way.
    pub async fn replace_last_resort(
        &self,
        principal: Principal,
        identity: &IdentityKey,
        last_resort: &KyberPrekey,
        now: Timestamp,
        rng: Rng,
    ) -> Result<Upload, StoreError> {
        let row = EntryId::new(now, &rng.bytes());
        self.upload(
            principal,
            Some(identity),
            now,
            &REPLACE_LAST_RESORT,
            &[
                (row.as_uuid(), Type::UUID),
                (&last_resort.id.get(), Type::INT4),
                (&last_resort.key.hash().as_slice(), Type::BYTEA),
                (&last_resort.key.as_bytes(), Type::BYTEA),
                (&last_resort.signature.as_str(), Type::TEXT),
            ],
        )
        .await
    }

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
        let params: &[Param<'_>] = &[
            (user.as_uuid(), Type::UUID),
            (&device, Type::UUID),
            (&SystemTime::from(now), Type::TIMESTAMPTZ),
            (&audit.entry, Type::TEXT),
            (&audit.personal, Type::JSONB),
        ];
        let rows = self.locked((LOCK_ACCOUNT_KEYS, &params[..2]), (&DELETE_KEYS, params)).await?;
        Ok(rows.first().ok_or(StoreError::UnexpectedData)?.try_get(0)?)
    }

    /// The devices of a user that have keys; `None` if there is no such user.
    pub async fn find_device_list(&self, user: UserId) -> Result<Option<DeviceList>, StoreError> {
        let rows = self
            .rows(
                "SELECT u.device_list_version, i.device_id, d.signal_device_id, i.registration_id
                   FROM auth.users_auth u
                   LEFT JOIN (auth.identity_keys i JOIN auth.devices d ON d.id = i.device_id)
                     ON i.user_id = u.id
                  WHERE u.id = $1 ORDER BY d.signal_device_id",
                &[(user.as_uuid(), Type::UUID)],
            )
            .await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut list = DeviceList { version: first.try_get(0)?, devices: Vec::new() };
        for row in &rows {
            let Some(device) = row.try_get::<_, Option<Uuid>>(1)? else { continue };
            list.devices.push(DeviceRow {
                device: DeviceId::from_uuid(device),
                listed: DirectoryDevice {
                    id: SignalDeviceId::from_stored(row.try_get(2)?),
                    registration: row
                        .try_get::<_, Option<i32>>(3)?
                        .map(RegistrationId::from_stored),
                },
            });
        }
        Ok(Some(list))
    }

    /// The lasting keys of a device.
    pub async fn find_published_keys(
        &self,
        device: DeviceId,
    ) -> Result<Option<PublishedKeys>, StoreError> {
        let rows = self
            .rows(
                "SELECT i.public_key, s.key_id, s.public_key, k.key_id, k.public_key
                   FROM auth.identity_keys i
                   LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
                   LEFT JOIN auth.kyber_last_resort_prekeys k ON k.device_id = i.device_id
                  WHERE i.device_id = $1",
                &[(device.as_uuid(), Type::UUID)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (signed, last_resort) = (row.try_get(1)?, row.try_get(3)?);
        Ok(Some(PublishedKeys {
            identity: public_key(row.try_get(0)?)?,
            signed: match signed {
                Some(id) => Some((KeyId::from_stored(id), public_key(row.try_get(2)?)?)),
                None => None,
            },
            last_resort: match last_resort {
                Some(id) => Some((KeyId::from_stored(id), KyberKey::from_stored(row.try_get(4)?))),
                None => None,
            },
        }))
    }
}

/// A stored key was checked when it came.
fn public_key(text: String) -> Result<PublicKey, StoreError> {
    PublicKey::parse(text).map_err(|_| StoreError::UnexpectedData)
}

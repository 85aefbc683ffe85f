//! All keys of a device, published in the transaction of the log-in that brings them. A
//! device with an identity key is in the directory, and its user's `device_list_version`
//! moves with every change of that.

use domain::ids::{EntryId, UserId};
use domain::prekey::lifecycle::signed_prekey_expires_at;
use domain::prekey::{IdentityKey, KyberPrekey, Prekey, RegistrationId, SignedPrekey};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::kind::{archive_last_resort, delete_unused};
use super::one_time::publish_one_time_keys;
use super::signed::{LAST_RESORT_REPLACES, SIGNED_REPLACES};
use crate::audit::AuditEntry;
use crate::clock::Rng;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement};
use crate::store::transaction::Transaction;

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

/// Runs after the statement that wrote the device, under the account's lock.
static PUBLISH_KEYS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH device AS (
           SELECT id, id AS device_id, user_id FROM auth.devices
            WHERE user_id = :user AND device_fingerprint = :fingerprint),
         before AS (
           SELECT i.device_id, i.identity, i.registration_id
             FROM auth.identity_keys i JOIN device d ON d.id = i.device_id),
         moved AS ( -- from another device of the same user
           DELETE FROM auth.identity_keys i USING device d
            WHERE i.identity = :identity AND i.user_id = d.user_id AND i.device_id <> d.id
           RETURNING i.device_id),
         {deleted_unused},
         {archived},
         published AS (
           INSERT INTO auth.identity_keys AS i (device_id, id, user_id, public_key, identity,
                  registration_id, created_at, updated_at)
           SELECT id, :new_identity, user_id, :identity_key, :identity, :registration_id, :now, :now
             FROM device
            WHERE (SELECT count(*) FROM moved) >= 0 -- removed from the other device first
           ON CONFLICT (device_id) DO UPDATE SET
             public_key = :identity_key, identity = :identity,
             registration_id = coalesce(:registration_id, i.registration_id),
             id = CASE WHEN i.identity = :identity THEN i.id ELSE :new_identity END,
             created_at = CASE WHEN i.identity = :identity THEN i.created_at ELSE :now END,
             updated_at = :now
           RETURNING device_id, user_id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS s (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, :signed_row, :signed_id, :signed_key, :signed_signature,
                  :signed_prekey_expires_at, :now
             FROM published
           {SIGNED_REPLACES}),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, :last_resort_row, :last_resort_id, :last_resort_hash,
                  :last_resort_key, :last_resort_signature, :now
             FROM published WHERE :last_resort_id IS NOT NULL
           {LAST_RESORT_REPLACES}),
         unsigned AS ( -- of the earlier identity
           DELETE FROM auth.kyber_last_resort_prekeys k USING before b
            WHERE k.device_id = b.device_id AND b.identity <> :identity
              AND :last_resort_id IS NULL),
         changed AS (
           SELECT p.user_id, b.identity <> :identity OR EXISTS (SELECT FROM moved) AS another
             FROM published p LEFT JOIN before b ON b.device_id = p.device_id
            WHERE b.device_id IS NULL OR b.identity <> :identity
               OR :registration_id <> coalesce(b.registration_id, 0)
               OR EXISTS (SELECT FROM moved)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM changed c WHERE u.id = c.user_id),
         cause AS (SELECT user_id FROM changed WHERE another),
         {audit}
         SELECT 1 AS published FROM published",
        deleted_unused = delete_unused("moved"),
        archived = archive_last_resort("device", ":last_resort_hash"),
        audit = audit("cause"),
    );
    let types = [
        ("user", Type::UUID),
        ("fingerprint", Type::TEXT),
        ("identity", Type::BYTEA),
        ("identity_key", Type::TEXT),
        ("registration_id", Type::INT4),
        ("new_identity", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        ("signed_row", Type::UUID),
        ("signed_id", Type::INT4),
        ("signed_key", Type::TEXT),
        ("signed_signature", Type::TEXT),
        ("signed_prekey_expires_at", Type::TIMESTAMPTZ),
        ("last_resort_row", Type::UUID),
        ("last_resort_id", Type::INT4),
        ("last_resort_hash", Type::BYTEA),
        ("last_resort_key", Type::BYTEA),
        ("last_resort_signature", Type::TEXT),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("publish_keys", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&PUBLISH_KEYS];

/// Publishes the keys of a log-in, in its transaction, behind the statement that writes the
/// device: both statements do nothing where there is none. False if the last resort clashes
/// with a one-time key: the transaction must not commit.
pub(in crate::store) async fn publish_keys(
    transaction: &Transaction<'_>,
    user: UserId,
    fingerprint: &str,
    now: Timestamp,
    new: &NewKeys,
) -> Result<bool, StoreError> {
    let NewKeys { keys, rng, audit } = new;
    let DeviceKeys { identity, signed, last_resort, .. } = keys;
    let row = || EntryId::new(now, &rng.bytes());
    let (new_identity, signed_row, last_resort_row) = (row(), row(), row());
    let last_resort = last_resort.as_ref();
    let lasting = async {
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("fingerprint", &fingerprint),
            ("identity", &identity.public().as_bytes().as_slice()),
            ("identity_key", &identity.public().as_str()),
            ("registration_id", &keys.registration.map(RegistrationId::get)),
            ("new_identity", new_identity.as_uuid()),
            ("now", &SystemTime::from(now)),
            ("signed_row", signed_row.as_uuid()),
            ("signed_id", &signed.id.get()),
            ("signed_key", &signed.key.as_str()),
            ("signed_signature", &signed.signature.as_str()),
            ("signed_prekey_expires_at", &SystemTime::from(signed_prekey_expires_at(now))),
            ("last_resort_row", last_resort_row.as_uuid()),
            ("last_resort_id", &last_resort.map(|k| k.id.get())),
            ("last_resort_hash", &last_resort.map(|k| k.key.hash().to_vec())),
            ("last_resort_key", &last_resort.map(|k| k.key.as_bytes())),
            ("last_resort_signature", &last_resort.map(|k| k.signature.as_str())),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        transaction.fetch_all::<()>(&PUBLISH_KEYS, parameters).await
    };
    let one_time = publish_one_time_keys(
        transaction,
        (user, fingerprint),
        (new_identity, now),
        *rng,
        (&keys.prekeys, &keys.kyber_prekeys),
    );
    let (lasting, one_time) = tokio::join!(biased; lasting, one_time);
    lasting?;
    one_time
}

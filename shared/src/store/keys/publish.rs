//! All keys of a device, published in the transaction of the log-in that brings them. A
//! device with an identity key is in the directory, and its user's `device_list_version`
//! moves with every change of that.

use domain::ids::{DeviceId, EntryId, UserId};
use domain::prekey::lifecycle::signed_prekey_expires_at;
use domain::prekey::{
    IdentityKey, KyberPrekey, Prekey, RegistrationId, SIGNED_PREKEY_GRACE, Signature, SignedPrekey,
    published_keys_digest,
};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::entries::KeyPage;
use super::kind::{EC, KYBER, LAST_RESORT};
use super::one_time::kyber_ids;
use super::pages::{delete_pages, has_hash, has_unused_id, hashes_of, lock_and_remember};
use super::retired::is_retired;
use super::signed::{LAST_RESORT_REPLACES, SIGNED_REPLACES};
use crate::audit::AuditEntry;
use crate::clock::Rng;
use crate::crypto::IdentityDigest;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// All keys of a device, as a log-in brings them.
#[derive(Debug)]
pub struct DeviceKeys {
    pub identity: IdentityKey,
    /// Shows that the client has the private half of the identity key; verified before it gets
    /// here.
    pub proof: Option<Signature>,
    pub registration: Option<RegistrationId>,
    pub signed: SignedPrekey,
    pub last_resort: Option<KyberPrekey>,
    pub prekeys: Vec<Prekey>,
    pub kyber_prekeys: Vec<KyberPrekey>,
}

impl DeviceKeys {
    /// What stands for these keys in the proof.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let last_resort = self.last_resort.as_ref().map(|last| (last.id, &last.key));
        let signed = (self.signed.id, &self.signed.key);
        published_keys_digest(self.identity.public(), signed, last_resort)
    }
}

/// The keys that a log-in brings, on their way into the store.
#[derive(Debug)]
pub struct NewKeys {
    pub keys: DeviceKeys,
    /// Stands for the identity key among those that may not come back.
    pub digest: IdentityDigest,
    /// Makes the ids of their rows.
    pub rng: Rng,
    /// Recorded if the device had another identity key before.
    pub audit: AuditEntry,
}

/// A condition: `d` is the device of a log-in. It has the client's own id of it; or else the id
/// that the client knows from an earlier answer.
pub(in crate::store) const IS_DEVICE: &str = "(d.device_fingerprint = :fingerprint
               OR d.id = :named_device AND NOT EXISTS (
                 SELECT FROM auth.devices o
                  WHERE o.user_id = :user AND o.device_fingerprint = :fingerprint))";

/// Runs after the statement that wrote the device, under the account's lock. The device's
/// pages end if it has another identity key than before. If another device of the user had
/// this one, that device's keys are deleted. An empty list leaves the page of the same identity
/// as it is.
static PUBLISH_KEYS: LazyStatement = LazyStatement::new(|| {
    // Other devices whose keys stay.
    let elsewhere = "p.user_id = :user AND NOT EXISTS (
                     SELECT FROM concerned c WHERE c.device_id = p.device_id)";
    let sql = format!(
        "WITH device AS (
           SELECT d.id AS device_id, d.user_id FROM auth.devices d
            WHERE d.user_id = :user AND {IS_DEVICE}),
         before AS (
           SELECT i.device_id, i.identity, i.registration_id,
                  EXISTS (SELECT FROM auth.signed_prekeys s
                           WHERE s.device_id = i.device_id AND s.expires_at > :dead_before) AS served
             FROM auth.identity_keys i JOIN device d ON d.device_id = i.device_id),
         mover AS ( -- another device of the same user
           SELECT i.user_id, i.device_id FROM auth.identity_keys i
             JOIN device d ON i.user_id = d.user_id AND i.device_id <> d.device_id
            WHERE i.identity = :identity),
         concerned AS MATERIALIZED (
           SELECT user_id, device_id FROM device UNION ALL SELECT user_id, device_id FROM mover),
         {remembered},
         {ended},
         moved AS (
           DELETE FROM auth.identity_keys i USING mover m WHERE i.device_id = m.device_id
           RETURNING i.device_id),
         published AS (
           INSERT INTO auth.identity_keys AS i (device_id, id, user_id, public_key, identity,
                  proven, registration_id, created_at, updated_at)
           SELECT device_id, :new_identity, user_id, :identity_key, :identity, :proven,
                  :registration_id, :now, :now
             FROM device
            WHERE (SELECT count(*) FROM moved) >= 0 -- removed from the other device first
           ON CONFLICT (device_id) DO UPDATE SET
             public_key = :identity_key, identity = :identity,
             proven = :proven OR i.proven AND i.identity = :identity,
             registration_id = coalesce(:registration_id, i.registration_id),
             id = CASE WHEN i.identity = :identity THEN i.id ELSE :new_identity END,
             created_at = CASE WHEN i.identity = :identity THEN i.created_at ELSE :now END,
             updated_at = :now
           RETURNING user_id, device_id, id),
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
         remembered_last_resort AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, {LAST_RESORT}, :last_resort_hash
             FROM published WHERE :last_resort_id IS NOT NULL
           ON CONFLICT DO NOTHING),
         unsigned AS ( -- of the earlier identity
           DELETE FROM auth.kyber_last_resort_prekeys k USING before b
            WHERE k.device_id = b.device_id AND b.identity <> :identity
              AND :last_resort_id IS NULL),
         changed AS (
           SELECT p.user_id, b.identity <> :identity OR EXISTS (SELECT FROM moved) AS another
             FROM published p LEFT JOIN before b ON b.device_id = p.device_id
            WHERE b.device_id IS NULL OR b.identity <> :identity
               OR :registration_id <> coalesce(b.registration_id, 0) OR NOT b.served
               OR EXISTS (SELECT FROM moved)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM changed c WHERE u.id = c.user_id),
         cause AS (SELECT user_id FROM changed WHERE another),
         {audit},
         owner AS (SELECT user_id, device_id, id AS identity_id FROM published),
         {ec},
         {kyber},
         clashing AS ( -- the last resort that the device has now
           SELECT :last_resort_id AS key_id, :last_resort_hash AS key_hash
            WHERE :last_resort_id IS NOT NULL
           UNION ALL
           SELECT l.key_id, l.key_hash
             FROM before b JOIN auth.kyber_last_resort_prekeys l ON l.device_id = b.device_id
            WHERE :last_resort_id IS NULL AND b.identity = :identity)
         SELECT EXISTS (
           SELECT FROM clashing l
            WHERE l.key_id = ANY (:kyber_ids) OR l.key_hash = ANY (:kyber_hashes)
               OR EXISTS (SELECT FROM used u WHERE u.kind = {kyber_kind} AND u.key_hash = l.key_hash)
               OR {has_hash}
               OR EXISTS ( -- among those that stay
                 SELECT FROM before b JOIN auth.prekey_pages p
                     ON p.user_id = :user AND p.device_id = b.device_id AND p.kind = {kyber_kind}
                  WHERE b.identity = :identity AND cardinality(:kyber_hashes::bytea[]) = 0
                    AND (EXISTS (SELECT FROM ({own_hashes}) k WHERE k.key_hash = l.key_hash)
                         OR {has_unused_id}))) AS clashes",
        remembered = lock_and_remember("concerned", "true"),
        ended = delete_pages(
            "(l.device_id <> (SELECT device_id FROM device)
                   OR NOT EXISTS (SELECT FROM before b WHERE b.identity = :identity)
                      AND cardinality(CASE l.kind WHEN 1 THEN :ec_hashes::bytea[]
                                      ELSE :kyber_hashes::bytea[] END) = 0)"
        ),
        audit = audit("cause"),
        ec = EC.replace(elsewhere, "true"),
        kyber = KYBER.replace(elsewhere, "true"),
        kyber_kind = KYBER.number,
        has_hash = has_hash(KYBER, "l.key_hash", elsewhere),
        own_hashes = hashes_of(
            KYBER,
            "p.user_id = :user AND p.device_id = b.device_id"
        ),
        has_unused_id = has_unused_id("l.key_id"),
    );
    let own = [
        ("user", Type::UUID),
        ("fingerprint", Type::TEXT),
        ("named_device", Type::UUID),
        ("identity", Type::BYTEA),
        ("identity_key", Type::TEXT),
        ("proven", Type::BOOL),
        ("registration_id", Type::INT4),
        ("new_identity", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        ("signed_row", Type::UUID),
        ("signed_id", Type::INT4),
        ("signed_key", Type::TEXT),
        ("signed_signature", Type::TEXT),
        ("signed_prekey_expires_at", Type::TIMESTAMPTZ),
        ("dead_before", Type::TIMESTAMPTZ),
        ("last_resort_row", Type::UUID),
        ("last_resort_id", Type::INT4),
        ("last_resort_hash", Type::BYTEA),
        ("last_resort_key", Type::BYTEA),
        ("last_resort_signature", Type::TEXT),
        ("kyber_ids", Type::INT4_ARRAY),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("publish_keys", &sql, [&own[..], &EC.types(), &KYBER.types()].concat())
});

row_struct! {
    struct PublishedRow { clashes: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&PUBLISH_KEYS];

/// What became of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Published {
    Done,
    /// The last resort clashes with a one-time key: the transaction must not commit.
    LastResortClash,
    /// The identity key was that of an account that is gone: the transaction must not commit.
    Retired,
}

/// Publishes the keys of a log-in, in its transaction, behind the statement that writes the
/// device: it does nothing where there is none.
pub(in crate::store) async fn publish_keys(
    transaction: &Transaction<'_>,
    user: UserId,
    (fingerprint, named_device): (&str, Option<DeviceId>),
    now: Timestamp,
    new: &NewKeys,
) -> Result<Published, StoreError> {
    let named_device = named_device.as_ref().map(DeviceId::as_uuid);
    let NewKeys { keys, digest, rng, audit } = new;
    let DeviceKeys { identity, signed, last_resort, .. } = keys;
    let row = || EntryId::new(now, &rng.bytes());
    let (new_identity, signed_row, last_resort_row) = (row(), row(), row());
    let last_resort = last_resort.as_ref();
    let (at, expires_at) = (SystemTime::from(now), SystemTime::from(signed_prekey_expires_at(now)));
    let dead_before = SystemTime::from(now - SIGNED_PREKEY_GRACE);
    let proven = keys.proof.is_some();
    let identity_bytes = identity.public().as_bytes().as_slice();
    let (identity_key, registration) =
        (identity.public().as_str(), keys.registration.map(RegistrationId::get));
    let (signed_id, signed_key, signed_signature) =
        (signed.id.get(), signed.key.as_str(), signed.signature.as_str());
    let last_resort_id = last_resort.map(|k| k.id.get());
    let last_resort_hash = last_resort.map(|k| k.key.hash().to_vec());
    let last_resort_key = last_resort.map(|k| k.key.as_bytes());
    let last_resort_signature = last_resort.map(|k| k.signature.as_str());
    let (ec, kyber) = (KeyPage::ec(&keys.prekeys), KeyPage::kyber(&keys.kyber_prekeys));
    let ids = kyber_ids(&keys.kyber_prekeys);
    let mut parameters: Vec<Parameter<'_>> = vec![
        ("user", user.as_uuid()),
        ("fingerprint", &fingerprint),
        ("named_device", &named_device),
        ("identity", &identity_bytes),
        ("identity_key", &identity_key),
        ("proven", &proven),
        ("registration_id", &registration),
        ("new_identity", new_identity.as_uuid()),
        ("now", &at),
        ("signed_row", signed_row.as_uuid()),
        ("signed_id", &signed_id),
        ("signed_key", &signed_key),
        ("signed_signature", &signed_signature),
        ("signed_prekey_expires_at", &expires_at),
        ("dead_before", &dead_before),
        ("last_resort_row", last_resort_row.as_uuid()),
        ("last_resort_id", &last_resort_id),
        ("last_resort_hash", &last_resort_hash),
        ("last_resort_key", &last_resort_key),
        ("last_resort_signature", &last_resort_signature),
        ("kyber_ids", &ids),
        ("audit_entry", &audit.entry),
        ("audit_personal", &audit.personal),
    ];
    parameters.extend(ec.parameters());
    parameters.extend(kyber.parameters());
    let (published, retired) = tokio::join!(
        biased;
        transaction.fetch_one::<PublishedRow>(&PUBLISH_KEYS, &parameters),
        is_retired(transaction, user, digest),
    );
    let published = published?;
    Ok(match retired? {
        true => Published::Retired,
        false if published.clashes => Published::LastResortClash,
        false => Published::Done,
    })
}

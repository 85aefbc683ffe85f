//! Signed prekeys and Kyber keys of last resort: one of each per device, replaced as a whole.

use domain::ids::EntryId;
use domain::prekey::lifecycle::signed_prekey_expires_at;
use domain::prekey::{IdentityKey, KyberPrekey, SIGNED_PREKEY_GRACE, SignedPrekey};
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::kind::{KYBER, LAST_RESORT};
use super::pages::{has_hash, has_unused_id};
use super::upload::{Signatures, Upload, UploadedBy, upload_columns, upload_guard, upload_types};
use crate::clock::Rng;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::audit_once;
use crate::store::statement::{LazyStatement, Parameter, Statement};

pub(super) const SIGNED_REPLACES: &str = "ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at";
pub(super) const LAST_RESORT_REPLACES: &str =
    "ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at";
/// As with pages of one-time keys.
const ARRIVED_LATER: &str = "WHERE k.created_at <= excluded.created_at";

static REPLACE_SIGNED_PREKEY: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH {guard},
         returned AS ( -- the device was in nobody's list without a signed prekey
           SELECT user_id FROM found WHERE NOT EXISTS (
             SELECT FROM auth.signed_prekeys
              WHERE device_id = :device AND expires_at > :dead_before)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM returned r WHERE u.id = r.user_id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS k (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, :row, :key_id, :public_key, :signature, :expires_at, :now FROM found
           {SIGNED_REPLACES} {ARRIVED_LATER} RETURNING k.device_id),
         cause AS (SELECT user_id FROM found WHERE EXISTS (SELECT FROM signed)),
         {audit}
         SELECT {columns}",
        audit = audit_once("cause"),
        guard = upload_guard(Signatures::ByIdentity),
        columns = upload_columns("false", "1::int8"),
    );
    let own = [
        ("row", Type::UUID),
        ("key_id", Type::INT4),
        ("public_key", Type::TEXT),
        ("signature", Type::TEXT),
        ("expires_at", Type::TIMESTAMPTZ),
        ("dead_before", Type::TIMESTAMPTZ),
    ];
    let types = [&upload_types(Signatures::ByIdentity)[..], &own].concat();
    Statement::new("replace_signed_prekey", &sql, types)
});

/// A one-time key of the user never becomes a last resort, used or not: others may have it.
static REPLACE_LAST_RESORT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH {guard},
         clash AS (
           SELECT FROM found
            WHERE {has_hash}
               OR EXISTS (SELECT FROM auth.prekey_pages p
                           WHERE p.user_id = :user AND p.device_id = :device
                             AND p.kind = {kyber} AND {has_unused_id})),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         remembered AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, {LAST_RESORT}, :key_hash FROM owner
           ON CONFLICT DO NOTHING),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, :row, :key_id, :key_hash, :public_key, :signature, :now FROM owner
           {LAST_RESORT_REPLACES} {ARRIVED_LATER} RETURNING k.device_id),
         cause AS (SELECT user_id FROM found WHERE EXISTS (SELECT FROM last_resort)),
         {audit}
         SELECT {columns}",
        audit = audit_once("cause"),
        guard = upload_guard(Signatures::ByIdentity),
        has_hash = has_hash(KYBER, ":key_hash", "p.user_id = :user"),
        kyber = KYBER.number,
        has_unused_id = has_unused_id(":key_id"),
        columns = upload_columns("EXISTS (SELECT FROM clash)", "1::int8"),
    );
    let own = [
        ("row", Type::UUID),
        ("key_id", Type::INT4),
        ("key_hash", Type::BYTEA),
        ("public_key", Type::BYTEA),
        ("signature", Type::TEXT),
    ];
    let types = [&upload_types(Signatures::ByIdentity)[..], &own].concat();
    Statement::new("replace_last_resort", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&REPLACE_SIGNED_PREKEY, &REPLACE_LAST_RESORT];

impl Store {
    /// Replaces the signed prekey of the caller's device, whose signature was checked with
    /// this identity key.
    pub async fn replace_signed_prekey(
        &self,
        by: UploadedBy<'_>,
        identity: &IdentityKey,
        signed: &SignedPrekey,
        rng: Rng,
    ) -> Result<Upload, StoreError> {
        let (now, row) = (by.now, EntryId::new(by.now, &rng.bytes()));
        let keys: &[Parameter<'_>] = &[
            ("row", row.as_uuid()),
            ("key_id", &signed.id.get()),
            ("public_key", &signed.key.as_str()),
            ("signature", &signed.signature.as_str()),
            ("expires_at", &SystemTime::from(signed_prekey_expires_at(now))),
            ("dead_before", &SystemTime::from(now - SIGNED_PREKEY_GRACE)),
        ];
        self.upload(&REPLACE_SIGNED_PREKEY, by, Some(identity), keys).await
    }

    /// Replaces the Kyber prekey of last resort in the same way.
    pub async fn replace_last_resort(
        &self,
        by: UploadedBy<'_>,
        identity: &IdentityKey,
        last_resort: &KyberPrekey,
        rng: Rng,
    ) -> Result<Upload, StoreError> {
        let (row, hash) = (EntryId::new(by.now, &rng.bytes()), last_resort.key.hash());
        let keys: &[Parameter<'_>] = &[
            ("row", row.as_uuid()),
            ("key_id", &last_resort.id.get()),
            ("key_hash", &hash.as_slice()),
            ("public_key", &last_resort.key.as_bytes()),
            ("signature", &last_resort.signature.as_str()),
        ];
        self.upload(&REPLACE_LAST_RESORT, by, Some(identity), keys).await
    }
}

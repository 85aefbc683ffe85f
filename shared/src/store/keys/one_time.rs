//! `prekeys`, `kyber_prekeys`: one-time keys, from their upload until `bundles` hands them
//! out.
//!
//! A device's keys are replaced under the lock of its identity key, by a statement that
//! begins after the lock is held: of two uploads the later one's keys stay, all of them and
//! no others. Taking a key never waits for these locks.

use domain::ids::{EntryId, UserId};
use domain::prekey::{IdentityKey, KyberPrekey, Prekey};
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::kind::{EC, EC_LISTS, KYBER, KYBER_LISTS, OneTimeKeyKind};
use super::upload::{UPLOAD_GUARD, UPLOAD_TYPES, Upload, upload_columns};
use crate::clock::Rng;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// Both kinds at a log-in. `new_identity` is the row of the device's identity key if that is
/// another than before.
static PUBLISH_ONE_TIME_KEYS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH owner AS (
           SELECT i.device_id, i.id, i.id = :new_identity AS renewed
             FROM auth.identity_keys i JOIN auth.devices d ON d.id = i.device_id
            WHERE d.user_id = :user AND d.device_fingerprint = :fingerprint),
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
            WHERE l.key_id = ANY (:kyber_ids) OR l.key_hash = ANY (:kyber_hashes)
               OR EXISTS ( -- among those that were handed out, or that stay
                 SELECT FROM auth.kyber_prekeys k
                  WHERE k.device_id = l.device_id AND k.is_one_time
                    AND (k.is_used AND k.key_hash = l.key_hash
                         OR NOT k.is_used AND NOT l.renewed AND cardinality(:kyber_hashes) = 0
                            AND (k.key_id = l.key_id OR k.key_hash = l.key_hash)))) AS clashes",
        curve = EC.replace(),
        kyber = KYBER.replace(),
        curve_counted = EC.counted(),
        kyber_counted = KYBER.counted(),
    );
    let own = [
        ("user", Type::UUID),
        ("fingerprint", Type::TEXT),
        ("new_identity", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
    ];
    let types = [&own[..], &EC_LISTS, &KYBER_LISTS].concat();
    Statement::new("publish_one_time_keys", &sql, types)
});

row_struct! {
    struct PublishedRow { clashes: bool }
}

/// One kind by its own route.
fn replace(kind: OneTimeKeyKind, clash: &str) -> String {
    format!(
        "WITH {UPLOAD_GUARD},
         clash AS ({clash}),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         {replaced},
         counted AS (
           UPDATE auth.identity_keys i SET {counted}, updated_at = :now
             FROM owner o WHERE i.device_id = o.device_id)
         SELECT {columns}",
        replaced = kind.replace(),
        counted = kind.counted(),
        columns = upload_columns(
            "EXISTS (SELECT FROM clash)",
            &format!("(SELECT count(*) FROM {table}_put)", table = kind.table),
        ),
    )
}

static REPLACE_PREKEYS: LazyStatement = LazyStatement::new(|| {
    let sql = replace(EC, "SELECT WHERE false");
    Statement::new("replace_prekeys", &sql, [&UPLOAD_TYPES[..], &EC_LISTS].concat())
});

static REPLACE_KYBER_PREKEYS: LazyStatement = LazyStatement::new(|| {
    let clash = "SELECT FROM auth.kyber_last_resort_prekeys
            WHERE device_id = :device
              AND (key_id = ANY (:kyber_ids) OR key_hash = ANY (:kyber_hashes))";
    let sql = replace(KYBER, clash);
    Statement::new("replace_kyber_prekeys", &sql, [&UPLOAD_TYPES[..], &KYBER_LISTS].concat())
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&PUBLISH_ONE_TIME_KEYS, &REPLACE_PREKEYS, &REPLACE_KYBER_PREKEYS];

/// The lists that stand for one-time keys in a statement.
struct KeyLists<'a> {
    kind: OneTimeKeyKind,
    rows: Vec<Uuid>,
    hashes: Vec<Vec<u8>>,
    ids: Vec<i32>,
    texts: Vec<&'a str>,
    bytes: Vec<&'a [u8]>,
}

impl<'a> KeyLists<'a> {
    fn empty(kind: OneTimeKeyKind) -> Self {
        let (rows, hashes, ids) = (Vec::new(), Vec::new(), Vec::new());
        Self { kind, rows, hashes, ids, texts: Vec::new(), bytes: Vec::new() }
    }

    fn ec(keys: &'a [Prekey], now: Timestamp, rng: Rng) -> Self {
        let mut lists = Self::empty(EC);
        for Prekey { id, key } in keys {
            lists.rows.push(*EntryId::new(now, &rng.bytes()).as_uuid());
            lists.hashes.push(key.hash().to_vec());
            lists.ids.push(id.get());
            lists.texts.push(key.as_str());
        }
        lists
    }

    fn kyber(keys: &'a [KyberPrekey], now: Timestamp, rng: Rng) -> Self {
        let mut lists = Self::empty(KYBER);
        for KyberPrekey { id, key, signature } in keys {
            lists.rows.push(*EntryId::new(now, &rng.bytes()).as_uuid());
            lists.hashes.push(key.hash().to_vec());
            lists.ids.push(id.get());
            lists.bytes.push(key.as_bytes());
            lists.texts.push(signature.as_str());
        }
        lists
    }

    /// The values of `EC_LISTS` or `KYBER_LISTS`.
    fn parameters(&self) -> Vec<Parameter<'_>> {
        let OneTimeKeyKind { rows, hashes, ids, .. } = self.kind;
        let mut parameters: Vec<Parameter<'_>> =
            vec![(rows, &self.rows), (hashes, &self.hashes), (ids, &self.ids)];
        if self.kind.table == EC.table {
            parameters.push(("ec_keys", &self.texts));
        } else {
            parameters.push(("kyber_keys", &self.bytes));
            parameters.push(("kyber_signatures", &self.texts));
        }
        parameters
    }
}

/// The one-time keys of a log-in, in its transaction. False if one of them and the last
/// resort are the same, or share an id: the transaction must not commit.
pub(super) async fn publish_one_time_keys(
    transaction: &Transaction<'_>,
    (user, fingerprint): (UserId, &str),
    (new_identity, now): (EntryId, Timestamp),
    rng: Rng,
    (prekeys, kyber_prekeys): (&[Prekey], &[KyberPrekey]),
) -> Result<bool, StoreError> {
    let ec = KeyLists::ec(prekeys, now, rng);
    let kyber = KeyLists::kyber(kyber_prekeys, now, rng);
    let at = SystemTime::from(now);
    let mut parameters: Vec<Parameter<'_>> = vec![
        ("user", user.as_uuid()),
        ("fingerprint", &fingerprint),
        ("new_identity", new_identity.as_uuid()),
        ("now", &at),
    ];
    parameters.extend(ec.parameters());
    parameters.extend(kyber.parameters());
    let row: PublishedRow = transaction.fetch_one(&PUBLISH_ONE_TIME_KEYS, &parameters).await?;
    Ok(!row.clashes)
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
        let lists = KeyLists::ec(keys, now, rng);
        self.upload(&REPLACE_PREKEYS, principal, None, now, &lists.parameters()).await
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
        let lists = KeyLists::kyber(keys, now, rng);
        let parameters = lists.parameters();
        self.upload(&REPLACE_KYBER_PREKEYS, principal, Some(identity), now, &parameters).await
    }
}

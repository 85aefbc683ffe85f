//! Uploads of one-time keys: each replaces the page of its kind, in place.
//!
//! The lock of the account is held before the statement begins, so that the statement sees
//! what earlier uploads, moves and deletions remembered. Of two uploads the page of the one
//! that arrived later stays, all of it and nothing else.

use domain::prekey::{IdentityKey, KeyId, KyberPrekey, Prekey};
use tokio_postgres::types::Type;

use super::entries::KeyPage;
use super::kind::{EC, KYBER, OneTimeKeyKind};
use super::pages::lock_and_remember;
use super::upload::{Signatures, Upload, UploadedBy, upload_columns, upload_guard, upload_types};
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::audit_once;
use crate::store::statement::{LazyStatement, Parameter, Statement};

/// An upload that arrived earlier and comes later, because it is repeated or was slow,
/// replaces nothing.
const ARRIVED_LATER: &str = "p.arrived_at <= excluded.arrived_at";

fn replace(kind: OneTimeKeyKind, signatures: Signatures, clash: &str) -> String {
    format!(
        "WITH {guard},
         clash AS ({clash}),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         {remembered},
         {replaced},
         {audit}
         SELECT {columns}",
        guard = upload_guard(signatures),
        remembered = lock_and_remember("owner", &format!("p.kind = {}", kind.number)),
        replaced = kind.replace("p.user_id = :user AND p.device_id <> :device", ARRIVED_LATER),
        audit = audit_once(&format!("{}_stored", kind.name)),
        columns = upload_columns(
            "EXISTS (SELECT FROM clash)",
            &format!("(SELECT count(*) FROM {}_fresh)", kind.name),
        ),
    )
}

static REPLACE_PREKEYS: LazyStatement = LazyStatement::new(|| {
    let sql = replace(EC, Signatures::None, "SELECT WHERE false");
    let types = [&upload_types(Signatures::None)[..], &EC.types()].concat();
    Statement::new("replace_prekeys", &sql, types)
});

static REPLACE_KYBER_PREKEYS: LazyStatement = LazyStatement::new(|| {
    let clash = "SELECT FROM auth.kyber_last_resort_prekeys
            WHERE device_id = :device
              AND (key_id = ANY (:kyber_ids) OR key_hash = ANY (:kyber_hashes))";
    let sql = replace(KYBER, Signatures::ByIdentity, clash);
    let ids = [("kyber_ids", Type::INT4_ARRAY)];
    let types = [&upload_types(Signatures::ByIdentity)[..], &KYBER.types(), &ids].concat();
    Statement::new("replace_kyber_prekeys", &sql, types)
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&REPLACE_PREKEYS, &REPLACE_KYBER_PREKEYS];

/// The ids of a list.
pub(super) fn kyber_ids(keys: &[KyberPrekey]) -> Vec<i32> {
    keys.iter().map(|key| KeyId::get(key.id)).collect()
}

impl Store {
    /// Replaces the unused one-time keys of the caller's device.
    pub async fn replace_prekeys(
        &self,
        by: UploadedBy<'_>,
        keys: &[Prekey],
    ) -> Result<Upload, StoreError> {
        let page = KeyPage::ec(keys);
        self.upload(&REPLACE_PREKEYS, by, None, &page.parameters()).await
    }

    /// Replaces the unused one-time Kyber keys, whose signatures were checked with this
    /// identity key.
    pub async fn replace_kyber_prekeys(
        &self,
        by: UploadedBy<'_>,
        identity: &IdentityKey,
        keys: &[KyberPrekey],
    ) -> Result<Upload, StoreError> {
        let (page, ids) = (KeyPage::kyber(keys), kyber_ids(keys));
        let mut parameters: Vec<Parameter<'_>> = page.parameters().to_vec();
        parameters.push(("kyber_ids", &ids));
        self.upload(&REPLACE_KYBER_PREKEYS, by, Some(identity), &parameters).await
    }
}

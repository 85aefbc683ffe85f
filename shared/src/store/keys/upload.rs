//! What every upload of one kind of key does first: it locks the device's identity key, and
//! checks that the session and the identity key are still those of the request.

use domain::prekey::IdentityKey;
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// So many of its keys can be handed out.
    Stored(u32),
    /// The session has ended meanwhile.
    NoSession,
    /// The device has no identity key, or another than the signatures were checked with.
    NoIdentity,
    /// A one-time Kyber key would share its id, or all of itself, with the last resort.
    LastResortClash,
}

/// The lock under which the keys of a device are replaced.
static LOCK_IDENTITY_KEY: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_identity_key",
        "SELECT FROM auth.identity_keys
          WHERE device_id = :device AND user_id = :user FOR NO KEY UPDATE",
        [("device", Type::UUID), ("user", Type::UUID)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_IDENTITY_KEY];

/// CTEs that every upload begins with: the session that sent it is alive, and the device has
/// the identity key that signatures were checked with. A log-in may have come in between.
/// `identity` is null where no signature depends on it.
pub(super) const UPLOAD_GUARD: &str = "session AS (
           SELECT FROM auth.sessions WHERE id = :session AND revoked_at IS NULL),
         found AS (
           SELECT device_id, id, false AS renewed FROM auth.identity_keys
            WHERE device_id = :device AND (:identity::bytea IS NULL OR identity = :identity)
              AND EXISTS (SELECT FROM session))";

/// The columns that every upload returns.
pub(super) fn upload_columns(clash: &str, stored: &str) -> String {
    format!(
        "EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                {clash} AS clashes, {stored} AS stored"
    )
}

row_struct! {
    struct UploadRow { has_session: bool, has_identity: bool, clashes: bool, stored: i64 }
}

/// The parameters of every upload, before those of its keys.
pub(super) const UPLOAD_TYPES: [(&str, Type); 4] = [
    ("device", Type::UUID),
    ("session", Type::UUID),
    ("identity", Type::BYTEA),
    ("now", Type::TIMESTAMPTZ),
];

impl Store {
    /// Sends an upload under the lock of the device's identity key, in one round trip. `keys`
    /// are its parameters besides [`UPLOAD_TYPES`].
    pub(super) async fn upload(
        &self,
        statement: &'static Statement,
        principal: Principal,
        identity: Option<&IdentityKey>,
        now: Timestamp,
        keys: &[Parameter<'_>],
    ) -> Result<Upload, StoreError> {
        let identity = identity.map(|key| key.public().as_bytes().as_slice());
        let now = SystemTime::from(now);
        let mut parameters: Vec<Parameter<'_>> = vec![
            ("device", principal.device.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("identity", &identity),
            ("now", &now),
        ];
        parameters.extend_from_slice(keys);
        let lock: &[Parameter<'_>] =
            &[("device", principal.device.as_uuid()), ("user", principal.user.as_uuid())];
        let rows = self.transaction(statement.name(), |transaction| {
            transaction.commit_with((&LOCK_IDENTITY_KEY, lock), (statement, &parameters))
        });
        let row: UploadRow = statement.one(rows.await?)?;
        Ok(if !row.has_session {
            Upload::NoSession
        } else if !row.has_identity {
            Upload::NoIdentity
        } else if row.clashes {
            Upload::LastResortClash
        } else {
            Upload::Stored(u32::try_from(row.stored).unwrap_or(u32::MAX))
        })
    }
}

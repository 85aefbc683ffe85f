//! What every upload of one kind of key does first: it locks the account, and checks that the
//! session and the identity key are still those of the request.

use domain::prekey::IdentityKey;
use domain::principal::Principal;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use crate::audit::AuditEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL};
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

/// Whose upload it is, when it arrived, and its entry in the trail.
#[derive(Clone, Copy, Debug)]
pub struct UploadedBy<'a> {
    pub principal: Principal,
    pub now: Timestamp,
    pub audit: &'a AuditEntry,
}

/// The lock under which a user's keys change. A log-in holds it too.
pub(super) static LOCK_ACCOUNT_KEYS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account_keys",
        "SELECT FROM auth.users_auth WHERE id = :user FOR NO KEY UPDATE",
        [("user", Type::UUID)],
    )
});

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LOCK_ACCOUNT_KEYS];

/// Whether an upload holds signatures by the identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signatures {
    None,
    ByIdentity,
}

/// CTEs that every upload begins with: the session that sent it is alive, and the device has
/// the identity key that signatures were checked with. A log-in may have come in between.
pub(super) fn upload_guard(signatures: Signatures) -> String {
    let identity = match signatures {
        Signatures::None => "",
        Signatures::ByIdentity => " AND identity = :identity",
    };
    format!(
        "session AS (
           SELECT FROM auth.sessions WHERE id = :session AND revoked_at IS NULL),
         found AS (
           SELECT user_id, device_id, id AS identity_id FROM auth.identity_keys
            WHERE device_id = :device AND user_id = :user{identity}
              AND EXISTS (SELECT FROM session))"
    )
}

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
pub(super) fn upload_types(signatures: Signatures) -> Vec<(&'static str, Type)> {
    let mut types = vec![
        ("user", Type::UUID),
        ("device", Type::UUID),
        ("session", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    if signatures == Signatures::ByIdentity {
        types.push(("identity", Type::BYTEA));
    }
    types
}

impl Store {
    /// Sends an upload under the lock of the account, in one round trip. `keys` are its
    /// parameters besides [`upload_types`]; `identity` is there if it holds signatures.
    pub(super) async fn upload(
        &self,
        statement: &'static Statement,
        UploadedBy { principal, now, audit }: UploadedBy<'_>,
        identity: Option<&IdentityKey>,
        keys: &[Parameter<'_>],
    ) -> Result<Upload, StoreError> {
        let identity = identity.map(|key| key.public().as_bytes().as_slice());
        let now = SystemTime::from(now);
        let mut parameters: Vec<Parameter<'_>> = vec![
            ("user", principal.user.as_uuid()),
            ("device", principal.device.as_uuid()),
            ("session", principal.session.as_uuid()),
            ("now", &now),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        if identity.is_some() {
            parameters.push(("identity", &identity));
        }
        parameters.extend_from_slice(keys);
        let lock: &[Parameter<'_>] = &[("user", principal.user.as_uuid())];
        let rows = self.transaction(statement.name(), |transaction| {
            transaction.commit_with((&LOCK_ACCOUNT_KEYS, lock), (statement, &parameters))
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

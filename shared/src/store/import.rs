//! Takes an account over from the database of the first auth-service, whole or not at all: one
//! statement over a document, whose fields `cargo local import` has checked. An account that is here
//! already stays as it is, so an import may be repeated. One that changed there since, and that nobody
//! used here, is deleted and taken over again.

use domain::ids::UserId;
use domain::prekey::Prekey;
use domain::time::Timestamp;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::audit::{AuditEntry, SecurityEvent};
use crate::store::access::authorize::LOCK_ACCOUNT;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::keys::KeyPage;
use crate::store::outbox::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// A user of many years has a hundred thousand log-ins and used keys: no request has time for these.
const DEADLINE: Duration = Duration::from_mins(1);

/// Keys of one device hang on its identity key. One that another user has is not taken over, and
/// neither is what hangs on it.
static IMPORT_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH given AS (SELECT :document::jsonb AS d),
         account AS (
           INSERT INTO auth.users_auth (id, phone_number, two_factor_secret, two_factor_enabled,
                  last_authenticated_at, created_at, updated_at)
           SELECT :user, d->>'phone', decode(d->>'secret', 'hex'), (d->>'two_factor')::bool,
                  (d->>'authenticated_at')::timestamptz, (d->>'created_at')::timestamptz,
                  (d->>'updated_at')::timestamptz
             FROM given ON CONFLICT DO NOTHING RETURNING id AS user_id),
         device AS (
           INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type, model,
                  os_version, app_version, fcm_token, apns_token, public_key, is_verified, is_active,
                  last_active, created_at, updated_at, signal_device_id)
           SELECT r.id, a.user_id, r.fingerprint, r.name, r.kind, r.model, r.os_version, r.app_version,
                  r.fcm_token, r.apns_token, decode(r.public_key, 'hex'), r.is_verified, r.is_active,
                  r.last_active, r.created_at, r.updated_at, r.signal_device_id
             FROM account a CROSS JOIN given g
            CROSS JOIN jsonb_to_recordset(g.d->'devices') AS r (id uuid, fingerprint text, name text,
                  kind text, model text, os_version text, app_version text, fcm_token text,
                  apns_token text, public_key text, is_verified bool, is_active bool,
                  last_active timestamptz, created_at timestamptz, updated_at timestamptz,
                  signal_device_id int2)
           ON CONFLICT DO NOTHING RETURNING id, user_id),
         identity AS (
           INSERT INTO auth.identity_keys (device_id, id, user_id, public_key, identity, proven,
                  private_key_encrypted, created_at, updated_at)
           SELECT v.id, r.id, v.user_id, r.public_key, decode(r.identity, 'hex'), false,
                  decode(r.private_key, 'hex'), r.created_at, r.updated_at
             FROM device v CROSS JOIN given g
             JOIN jsonb_to_recordset(g.d->'identities') AS r (device_id uuid, id uuid, public_key text,
                  identity text, private_key text, created_at timestamptz, updated_at timestamptz)
               ON r.device_id = v.id
           ON CONFLICT DO NOTHING RETURNING device_id, user_id, id),
         signed AS (
           INSERT INTO auth.signed_prekeys (device_id, id, key_id, public_key, signature, expires_at,
                  created_at)
           SELECT i.device_id, r.id, r.key_id, r.public_key, r.signature, r.expires_at, r.created_at
             FROM identity i CROSS JOIN given g
             JOIN jsonb_to_recordset(g.d->'signed') AS r (device_id uuid, id uuid, key_id int4,
                  public_key text, signature text, expires_at timestamptz, created_at timestamptz)
               ON r.device_id = i.device_id
           ON CONFLICT DO NOTHING),
         page AS (
           INSERT INTO auth.prekey_pages (user_id, device_id, kind, identity_id, next, count, width,
                  arrived_at, hashes, keys)
           SELECT i.user_id, i.device_id, 1, i.id, 0, r.count, r.width, r.arrived_at,
                  decode(r.hashes, 'hex'), decode(r.keys, 'hex')
             FROM identity i CROSS JOIN given g
             JOIN jsonb_to_recordset(g.d->'pages') AS r (device_id uuid, count int2, width int2,
                  arrived_at timestamptz, hashes text, keys text)
               ON r.device_id = i.device_id),
         used AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT a.user_id, 1, decode(h.hash, 'hex')
             FROM account a CROSS JOIN given g
            CROSS JOIN jsonb_array_elements_text(g.d->'used') AS h (hash)
           ON CONFLICT DO NOTHING),
         code AS (
           INSERT INTO auth.backup_codes (id, user_id, selector, code_hash, pepper, used, created_at)
           SELECT r.id, a.user_id, r.selector, r.code_hash, r.pepper, r.used, r.created_at
             FROM account a CROSS JOIN given g
            CROSS JOIN jsonb_to_recordset(g.d->'codes') AS r (id uuid, selector int2, code_hash text,
                  pepper text, used bool, created_at timestamptz)
           ON CONFLICT DO NOTHING),
         login AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT r.id, a.user_id, v.id, r.ip_address, r.status, r.created_at
             FROM account a CROSS JOIN given g
            CROSS JOIN jsonb_to_recordset(g.d->'logins') AS r (id uuid, device_id uuid, ip_address text,
                  status text, created_at timestamptz)
             LEFT JOIN device v ON v.id = r.device_id
           ON CONFLICT DO NOTHING),
         {audit}
         SELECT EXISTS (SELECT FROM account) AS is_new,
                EXISTS (SELECT FROM auth.users_auth WHERE id = :user) AS is_known,
                (SELECT count(*) FROM device) AS devices, (SELECT count(*) FROM identity) AS identities",
        audit = audit("account"),
    );
    let types = [
        ("user", Type::UUID),
        ("document", Type::JSONB),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("import_account", &sql, types)
});

row_struct! {
    struct ImportRow { is_new: bool, is_known: bool, devices: i64, identities: i64 }
}

/// Under the lock of the account. Whatever happens to an account leaves an entry in its chain, and an
/// import leaves nothing but its registration. A key that was handed out leaves none: from a new page, it
/// would be handed out again. Devices, keys, history and codes follow the row.
static DELETE_UNUSED_IMPORT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH page AS MATERIALIZED ( -- who takes a key meanwhile is waited for
           SELECT next FROM auth.prekey_pages WHERE user_id = :user
            ORDER BY device_id, kind FOR UPDATE),
         deleted AS (
           DELETE FROM auth.users_auth u
            WHERE u.id = :user AND NOT EXISTS (SELECT FROM page WHERE next > 0)
              AND NOT EXISTS (SELECT FROM auth.security_events e
                   WHERE e.user_id = u.id AND e.entry::jsonb->>'event' <> '{registered}')
           RETURNING u.id)
         SELECT EXISTS (SELECT FROM deleted) AS is_deleted",
        registered = SecurityEvent::UserRegistered.name(),
    );
    Statement::new("delete_unused_import", &sql, [("user", Type::UUID)])
});

row_struct! {
    struct DeletedRow { is_deleted: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&IMPORT_ACCOUNT, &DELETE_UNUSED_IMPORT];

/// An account of the first auth-service.
#[derive(Clone, Copy)]
pub struct FirstServiceAccount<'a> {
    pub user: UserId,
    pub document: &'a Value,
    pub audit: &'a AuditEntry,
    pub now: Timestamp,
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    Imported {
        devices: i64,
        identities: i64,
    },
    /// It was here already.
    Known,
    /// Another account here has its number.
    NumberTaken,
    /// It was used here, and stays as it is.
    Used,
    /// It takes longer than a minute. It is not here, or as it was before: unless the last answer alone
    /// was late.
    TimedOut,
}

/// One-time keys as a page stores them: the hashes, the keys, and bytes per key.
#[must_use]
pub fn prekey_page(keys: &[Prekey]) -> (Vec<u8>, Vec<u8>, usize) {
    KeyPage::ec(keys).into_stored()
}

impl Store {
    /// Takes an account over.
    pub async fn import_account(
        &self,
        account: FirstServiceAccount<'_>,
    ) -> Result<Import, StoreError> {
        let now = SystemTime::from(account.now);
        let parameters: &[Parameter<'_>] = &parameters(&account, &now);
        let result = self.transaction_within(DEADLINE, "import_account", async |transaction| {
            let (extended, outcome) = tokio::join!(
                biased;
                transaction.extend_time_limit(DEADLINE),
                insert(&transaction, parameters),
            );
            extended?;
            transaction.commit(outcome?).await
        });
        or_timed_out(result.await)
    }

    /// Takes an account over again that changed since an earlier import, if nobody used it here. A
    /// repeat finds what its first try took over, and replaces it once more.
    pub async fn replace_unused_import(
        &self,
        account: FirstServiceAccount<'_>,
    ) -> Result<Import, StoreError> {
        let (user, now) = (account.user, SystemTime::from(account.now));
        let parameters: &[Parameter<'_>] = &parameters(&account, &now);
        let name = "replace_unused_import";
        let result = self.transaction_within(DEADLINE, name, async |transaction| {
            transaction.extend_time_limit(DEADLINE).await?;
            if !delete_unused(&transaction, user).await? {
                return transaction.rollback(Import::Used).await;
            }
            match insert(&transaction, parameters).await? {
                outcome @ Import::Imported { .. } => transaction.commit(outcome).await,
                outcome => transaction.rollback(outcome).await,
            }
        });
        or_timed_out(result.await)
    }
}

fn parameters<'a>(account: &'a FirstServiceAccount<'_>, now: &'a SystemTime) -> [Parameter<'a>; 5] {
    [
        ("user", account.user.as_uuid()),
        ("document", account.document),
        ("now", now),
        ("audit_entry", &account.audit.entry),
        ("audit_personal", &account.audit.personal),
    ]
}

async fn insert(
    transaction: &Transaction<'_>,
    account: &[Parameter<'_>],
) -> Result<Import, StoreError> {
    let row: ImportRow = transaction.fetch_one(&IMPORT_ACCOUNT, account).await?;
    Ok(match row {
        ImportRow { is_new: true, devices, identities, .. } => {
            Import::Imported { devices, identities }
        }
        ImportRow { is_known: true, .. } => Import::Known,
        ImportRow { .. } => Import::NumberTaken,
    })
}

/// Deletes what an import took over, unless it was used. The statement behind the lock sees what was
/// committed while that was waited for.
async fn delete_unused(transaction: &Transaction<'_>, user: UserId) -> Result<bool, StoreError> {
    let of_user: &[Parameter<'_>] = &[("user", user.as_uuid())];
    transaction.fetch_all::<()>(&LOCK_ACCOUNT, of_user).await?;
    let row: DeletedRow = transaction.fetch_one(&DELETE_UNUSED_IMPORT, of_user).await?;
    Ok(row.is_deleted)
}

/// One account that takes too long is no reason to end an import.
fn or_timed_out(result: Result<Import, StoreError>) -> Result<Import, StoreError> {
    result.or_else(|error| if is_timeout(&error) { Ok(Import::TimedOut) } else { Err(error) })
}

/// Whether the deadline or the limit of the server ended it.
fn is_timeout(error: &StoreError) -> bool {
    match error {
        StoreError::Timeout { .. } => true,
        StoreError::Statement { source, .. } => {
            source.sql_state() == Some(SqlState::QUERY_CANCELED.code())
        }
        _ => false,
    }
}

//! `security_events` and `audit_heads`, beyond what the causing transactions write: what the relay puts
//! there, the events that are counted by the hour, and the chains as a verification reads them.

use domain::ids::UserId;
use domain::time::Timestamp;
use serde_json::Value;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::audit::{AUDIT_ENTRY, AUDIT_PERSONAL, audit};
use crate::audit::AuditEntry;
use crate::audit::chain::ChainEntry;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Users, and entries of a user, that a verification reads at once.
pub const CHAIN_PAGE: i64 = 1000;

/// The account's row is locked: whoever deletes it erases what this has put.
static PUT_SECURITY_EVENT: LazyStatement = LazyStatement::new(|| {
    let sql = "WITH account AS MATERIALIZED (
           SELECT id FROM auth.users_auth WHERE id = :user FOR KEY SHARE),
         put AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT :user, :seq, :hash, :entry,
                  CASE WHEN EXISTS (SELECT FROM account) THEN :personal::jsonb END, :created_at
           ON CONFLICT (user_id, seq) DO NOTHING RETURNING hash)
         SELECT coalesce((SELECT hash FROM put),
                         (SELECT hash FROM auth.security_events
                           WHERE user_id = :user AND seq = :seq)) AS kept";
    let types = [
        ("user", Type::UUID),
        ("seq", Type::INT8),
        ("hash", Type::BYTEA),
        ("entry", Type::TEXT),
        ("personal", Type::JSONB),
        ("created_at", Type::TIMESTAMPTZ),
    ];
    Statement::new("put_security_event", sql, types)
});

row_struct! {
    struct PutRow { kept: Option<Vec<u8>> }
}

/// Nothing is entered if the id is known, or the account is gone.
static RECORD_HOURLY_EVENT: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH cause AS (
           INSERT INTO auth.hourly_events (event_id, user_id, entered_at)
           SELECT :event_id, id, :now FROM auth.users_auth WHERE id = :user
           ON CONFLICT (event_id) DO NOTHING RETURNING user_id),
         {audit}
         SELECT EXISTS (SELECT FROM cause) AS entered",
        audit = audit("cause"),
    );
    let types = [
        ("event_id", Type::UUID),
        ("user", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        AUDIT_ENTRY,
        AUDIT_PERSONAL,
    ];
    Statement::new("record_hourly_event", &sql, types).queued_when("entered")
});

row_struct! {
    struct EnteredRow { entered: bool }
}

/// Whoever has an account, a head or an entry.
static LIST_CHAINS: LazyStatement = LazyStatement::new(|| {
    let next = |table: &str, column: &str| {
        format!(
            "(SELECT DISTINCT {column} AS user_id FROM auth.{table}
               WHERE {column} > :after ORDER BY 1 LIMIT {CHAIN_PAGE})"
        )
    };
    let sql = format!(
        "SELECT user_id FROM ({accounts} UNION {heads} UNION {entries}) AS users
          ORDER BY user_id LIMIT {CHAIN_PAGE}",
        accounts = next("users_auth", "id"),
        heads = next("audit_heads", "user_id"),
        entries = next("security_events", "user_id"),
    );
    Statement::new("list_chains", &sql, [("after", Type::UUID)])
});

row_struct! {
    struct ChainRow { user_id: Uuid }
}

/// Head and entries in one snapshot: no entry that is written meanwhile comes between.
static READ_CHAIN: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT EXISTS (SELECT FROM auth.users_auth WHERE id = :user) AS has_account,
                (SELECT seq FROM auth.audit_heads WHERE user_id = :user) AS head_seq,
                (SELECT head FROM auth.audit_heads WHERE user_id = :user) AS head,
                e.seq, e.hash, e.entry, e.personal
           FROM (SELECT 1) AS once
           LEFT JOIN (SELECT seq, hash, entry, personal FROM auth.security_events
                       WHERE user_id = :user AND seq > :after ORDER BY seq LIMIT {CHAIN_PAGE}) AS e
             ON true
          ORDER BY e.seq"
    );
    Statement::new("read_chain", &sql, [("user", Type::UUID), ("after", Type::INT8)])
});

row_struct! {
    struct EntryRow {
        has_account: bool,
        head_seq: Option<i64>,
        head: Option<Vec<u8>>,
        seq: Option<i64>,
        hash: Option<Vec<u8>>,
        entry: Option<String>,
        personal: Option<Value>,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&PUT_SECURITY_EVENT, &RECORD_HOURLY_EVENT, &LIST_CHAINS, &READ_CHAIN];

/// What stands in the table at the place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutEvent {
    /// This entry, now or before.
    Kept,
    /// Another one.
    Conflict,
    /// Another transaction is writing it. A later put tells.
    Unknown,
}

/// A part of a user's chain, and its head at the same moment.
#[derive(Debug)]
pub struct ChainPage {
    pub has_account: bool,
    /// The newest `seq` and its hash.
    pub head: Option<(i64, Vec<u8>)>,
    pub entries: Vec<ChainEntry>,
    pub is_last: bool,
}

impl Store {
    /// Puts an entry where none is.
    pub async fn put_security_event(
        &self,
        user: UserId,
        entry: &ChainEntry,
        created_at: Timestamp,
    ) -> Result<PutEvent, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("seq", &entry.seq),
            ("hash", &entry.hash),
            ("entry", &entry.entry),
            ("personal", &entry.personal),
            ("created_at", &SystemTime::from(created_at)),
        ];
        let PutRow { kept } = self.fetch_one(&PUT_SECURITY_EVENT, parameters).await?;
        Ok(match kept {
            Some(hash) if hash == entry.hash => PutEvent::Kept,
            Some(_) => PutEvent::Conflict,
            None => PutEvent::Unknown,
        })
    }

    /// Enters an event of this id once. False if it was entered before, or the account is gone.
    pub async fn record_hourly_event(
        &self,
        event_id: Uuid,
        user: UserId,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("event_id", &event_id),
            ("user", user.as_uuid()),
            ("now", &SystemTime::from(now)),
            ("audit_entry", &audit.entry),
            ("audit_personal", &audit.personal),
        ];
        let row: EnteredRow = self.fetch_one(&RECORD_HOURLY_EVENT, parameters).await?;
        Ok(row.entered)
    }

    /// The next users who have a chain, or should have one, in the order of their ids.
    pub async fn list_chains(&self, after: UserId) -> Result<Vec<UserId>, StoreError> {
        let rows: Vec<ChainRow> =
            self.fetch_all(&LIST_CHAINS, &[("after", after.as_uuid())]).await?;
        Ok(rows.into_iter().map(|row| UserId::from_uuid(row.user_id)).collect())
    }

    /// The entries of a user behind this place.
    pub async fn read_chain(&self, user: UserId, after: i64) -> Result<ChainPage, StoreError> {
        let parameters: &[Parameter<'_>] = &[("user", user.as_uuid()), ("after", &after)];
        let rows: Vec<EntryRow> = self.fetch_all(&READ_CHAIN, parameters).await?;
        let first = rows.first().ok_or_else(|| READ_CHAIN.unexpected("no row"))?;
        let (has_account, head) = (first.has_account, first.head_seq.zip(first.head.clone()));
        let entries: Vec<ChainEntry> = rows
            .into_iter()
            .filter_map(|row| {
                let (seq, hash, entry) = (row.seq?, row.hash?, row.entry?);
                Some(ChainEntry { seq, hash, entry, personal: row.personal })
            })
            .collect();
        let is_last = i64::try_from(entries.len()).unwrap_or(i64::MAX) < CHAIN_PAGE;
        Ok(ChainPage { has_account, head, entries, is_last })
    }
}

//! What a relay takes out of the outbox, and how it gives it back. A lease of a user lets one relay
//! deliver the user's events in their order. It ends with the batch, or by time if the relay died.

use domain::ids::{CallId, UserId};
use domain::time::Timestamp;
use serde_json::Value;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// Events that a look for users with undelivered ones reads, in their order.
const WINDOW: i64 = 1000;
/// Users of a batch.
const USERS: i64 = 100;
/// Events of a batch.
const EVENTS: i64 = 1000;

/// Takes the users with the oldest events that are free. A repeat finds those of its own claim.
static LEASE_USERS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH waiting AS MATERIALIZED (
           SELECT o.user_id, o.seq FROM auth.outbox AS o
            WHERE o.delivered_at IS NULL AND NOT EXISTS (
                  SELECT FROM auth.relay_leases AS l
                   WHERE l.user_id = o.user_id AND l.free_at > :now
                     AND l.claim IS DISTINCT FROM :claim)
            ORDER BY o.seq LIMIT {WINDOW}),
         oldest AS (
           SELECT user_id FROM waiting GROUP BY user_id ORDER BY min(seq) LIMIT {USERS}),
         leased AS (
           INSERT INTO auth.relay_leases AS l (user_id, claim, free_at)
           -- In one order, so that no two relays wait for each other.
           SELECT user_id, :claim, :until FROM oldest ORDER BY user_id
           ON CONFLICT (user_id) DO UPDATE SET claim = excluded.claim, free_at = excluded.free_at
            WHERE l.free_at <= :now OR l.claim = excluded.claim
           RETURNING user_id)
         SELECT count(*) AS users FROM leased"
    );
    let types = [("claim", Type::UUID), ("now", Type::TIMESTAMPTZ), ("until", Type::TIMESTAMPTZ)];
    Statement::new("lease_users", &sql, types)
});

row_struct! {
    struct LeasedRow { users: i64 }
}

/// A statement of its own, behind the lease: it sees what the holder before has delivered.
static FIND_LEASED_EVENTS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT o.seq, o.user_id, o.topic, o.payload, o.created_at,
                CASE WHEN l.failed_seq = o.seq THEN l.failures ELSE 0 END AS failures
           FROM auth.relay_leases AS l
           JOIN auth.outbox AS o ON o.user_id = l.user_id AND o.delivered_at IS NULL
          WHERE l.claim = :claim ORDER BY o.seq LIMIT {EVENTS}"
    );
    Statement::new("find_leased_events", &sql, [("claim", Type::UUID)])
});

row_struct! {
    struct EventRow {
        seq: i64,
        user_id: Uuid,
        topic: String,
        payload: Value,
        created_at: SystemTime,
        failures: i32,
    }
}

/// What was delivered is delivered, whoever holds the lease now. Failures count only under the lease.
static SETTLE_EVENTS: LazyStatement = LazyStatement::new(|| {
    let sql = "WITH told AS (
           UPDATE auth.outbox SET delivered_at = :now
            WHERE seq = ANY (:delivered) AND delivered_at IS NULL),
         failed AS (
           SELECT * FROM unnest(:failed_users::uuid[], :failed_seqs::int8[], :failures::int4[],
                                :retry_at::timestamptz[]) AS f (user_id, seq, failures, retry_at)),
         waits AS (
           UPDATE auth.relay_leases AS l
              SET claim = NULL, free_at = f.retry_at, failed_seq = f.seq, failures = f.failures
             FROM failed AS f WHERE l.user_id = f.user_id AND l.claim = :claim),
         dead AS (
           SELECT * FROM unnest(:dead_seqs::int8[], :dead_failures::int4[], :reasons::text[])
                         AS d (seq, failures, reason)),
         removed AS (
           DELETE FROM auth.outbox AS o USING dead AS d
            WHERE o.seq = d.seq AND o.delivered_at IS NULL
           RETURNING o.seq, o.user_id, o.topic, o.payload, o.created_at, d.failures, d.reason),
         buried AS (
           INSERT INTO auth.dead_letters
             (seq, user_id, topic, payload, created_at, failures, reason, died_at)
           SELECT seq, user_id, topic, payload, created_at, failures, reason, :now FROM removed),
         released AS (
           DELETE FROM auth.relay_leases
            WHERE claim = :claim AND user_id NOT IN (SELECT user_id FROM failed))
         SELECT 1 AS settled";
    let types = [
        ("claim", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
        ("delivered", Type::INT8_ARRAY),
        ("failed_users", Type::UUID_ARRAY),
        ("failed_seqs", Type::INT8_ARRAY),
        ("failures", Type::INT4_ARRAY),
        ("retry_at", Type::TIMESTAMPTZ_ARRAY),
        ("dead_seqs", Type::INT8_ARRAY),
        ("dead_failures", Type::INT4_ARRAY),
        ("reasons", Type::TEXT_ARRAY),
    ];
    Statement::new("settle_events", sql, types)
});

static OUTBOX_STATS: LazyStatement = LazyStatement::new(|| {
    let sql = "SELECT (SELECT created_at FROM auth.outbox WHERE delivered_at IS NULL
                        ORDER BY seq LIMIT 1) AS oldest,
                      (SELECT count(*) FROM auth.dead_letters) AS dead_letters";
    Statement::new("outbox_stats", sql, Vec::new())
});

row_struct! {
    struct StatsRow { oldest: Option<SystemTime>, dead_letters: i64 }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&LEASE_USERS, &FIND_LEASED_EVENTS, &SETTLE_EVENTS, &OUTBOX_STATS];

/// An event of the outbox that is not delivered yet.
#[derive(Clone, Debug)]
pub struct QueuedEvent {
    pub seq: i64,
    pub user: UserId,
    pub topic: String,
    pub payload: Value,
    pub created_at: Timestamp,
    /// Tries that have failed so far.
    pub failures: i32,
}

/// What one run of a relay may deliver.
#[derive(Debug)]
pub struct Batch {
    pub claim: CallId,
    /// None: no user was free.
    pub users: i64,
    /// In their order.
    pub events: Vec<QueuedEvent>,
}

/// An event that no sink took, and behind which its user waits.
#[derive(Clone, Copy, Debug)]
pub struct FailedEvent {
    pub user: UserId,
    pub seq: i64,
    pub failures: i32,
    pub retry_at: Timestamp,
}

/// An event that is given up.
#[derive(Clone, Debug)]
pub struct DeadEvent {
    pub seq: i64,
    pub failures: i32,
    pub reason: String,
}

/// What became of a batch. Events that are in none of these wait for the next one.
#[derive(Debug, Default)]
pub struct Settlement {
    pub delivered: Vec<i64>,
    pub failed: Vec<FailedEvent>,
    pub dead: Vec<DeadEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxStats {
    /// When the oldest event that is not delivered was written.
    pub oldest: Option<Timestamp>,
    pub dead_letters: i64,
}

impl Store {
    /// Leases users until then, and gives their next events.
    pub async fn lease_events(
        &self,
        claim: CallId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Batch, StoreError> {
        let (now, until) = (SystemTime::from(now), SystemTime::from(until));
        let parameters: &[Parameter<'_>] =
            &[("claim", claim.as_uuid()), ("now", &now), ("until", &until)];
        let LeasedRow { users } = self.fetch_one(&LEASE_USERS, parameters).await?;
        if users == 0 {
            return Ok(Batch { claim, users, events: Vec::new() });
        }
        let rows: Vec<EventRow> =
            self.fetch_all(&FIND_LEASED_EVENTS, &[("claim", claim.as_uuid())]).await?;
        let events = rows.into_iter().map(|row| QueuedEvent {
            seq: row.seq,
            user: UserId::from_uuid(row.user_id),
            topic: row.topic,
            payload: row.payload,
            created_at: row.created_at.into(),
            failures: row.failures,
        });
        Ok(Batch { claim, users, events: events.collect() })
    }

    /// Notes what became of a batch, and ends its leases. A repeat changes nothing more.
    pub async fn settle_events(
        &self,
        claim: CallId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Settlement { delivered, failed, dead } = settlement;
        let failed_users: Vec<Uuid> = failed.iter().map(|event| *event.user.as_uuid()).collect();
        let failed_seqs: Vec<i64> = failed.iter().map(|event| event.seq).collect();
        let failures: Vec<i32> = failed.iter().map(|event| event.failures).collect();
        let retry_at: Vec<SystemTime> = failed.iter().map(|event| event.retry_at.into()).collect();
        let dead_seqs: Vec<i64> = dead.iter().map(|event| event.seq).collect();
        let dead_failures: Vec<i32> = dead.iter().map(|event| event.failures).collect();
        let reasons: Vec<&str> = dead.iter().map(|event| event.reason.as_str()).collect();
        let parameters: &[Parameter<'_>] = &[
            ("claim", claim.as_uuid()),
            ("now", &SystemTime::from(now)),
            ("delivered", delivered),
            ("failed_users", &failed_users),
            ("failed_seqs", &failed_seqs),
            ("failures", &failures),
            ("retry_at", &retry_at),
            ("dead_seqs", &dead_seqs),
            ("dead_failures", &dead_failures),
            ("reasons", &reasons),
        ];
        self.execute(&SETTLE_EVENTS, parameters).await
    }

    pub async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        let row: StatsRow = self.fetch_one(&OUTBOX_STATS, &[]).await?;
        let oldest = row.oldest.map(Timestamp::from);
        Ok(OutboxStats { oldest, dead_letters: row.dead_letters })
    }
}

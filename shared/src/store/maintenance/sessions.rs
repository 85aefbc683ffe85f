//! Sessions. No index says when one is due: every refresh would have to write an index on
//! `expires_at`, and today it writes none. Instead, each batch looks at the next
//! sessions in the order of their ids, and the row of `maintenance_positions` says how far
//! the walk has come. It is also the lock between runs.

use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;

use super::BATCH_ROWS;
use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Statement, row_struct};

/// What a batch did.
#[derive(Clone, Copy, Debug)]
pub struct SessionBatch {
    pub deleted: i64,
    /// The walk has reached the last session, or another run does it.
    pub is_last: bool,
}

/// Only the session knows when its device was last active: the device takes that over.
static DELETE_OLD_SESSIONS: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH position AS (
           SELECT task, after FROM auth.maintenance_positions
            WHERE task = 'delete_old_sessions' FOR UPDATE SKIP LOCKED),
         seen AS MATERIALIZED (
           SELECT s.id, s.device_id, s.expires_at FROM position AS p CROSS JOIN LATERAL (
             SELECT id, device_id, expires_at FROM auth.sessions
              WHERE id > p.after ORDER BY id LIMIT {BATCH_ROWS}) AS s),
         device AS MATERIALIZED (
           SELECT id FROM auth.devices
            WHERE id = ANY (ARRAY(SELECT device_id FROM seen WHERE expires_at <= :expired_before))
            FOR NO KEY UPDATE SKIP LOCKED),
         due AS MATERIALIZED (
           SELECT s.id, s.device_id, s.rotated_at FROM auth.sessions AS s
            WHERE s.id = ANY (ARRAY(SELECT id FROM seen WHERE expires_at <= :expired_before))
              AND s.expires_at <= :expired_before AND s.device_id IN (SELECT id FROM device)
            FOR UPDATE OF s SKIP LOCKED),
         active AS (
           UPDATE auth.devices AS d SET last_active = newest.rotated_at
             FROM (SELECT device_id, max(rotated_at) AS rotated_at FROM due GROUP BY device_id) AS newest
            WHERE d.id = newest.device_id AND d.last_active < newest.rotated_at),
         deleted AS (
           DELETE FROM auth.sessions WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING id),
         moved AS (
           UPDATE auth.maintenance_positions AS p
              SET after = CASE WHEN (SELECT count(*) FROM seen) = {BATCH_ROWS}
                    THEN (SELECT id FROM seen ORDER BY id DESC LIMIT 1)
                    ELSE '00000000-0000-0000-0000-000000000000' END
             FROM position WHERE p.task = position.task)
         SELECT (SELECT count(*) FROM deleted) AS deleted,
                (SELECT count(*) FROM seen) < {BATCH_ROWS} AS is_last"
    );
    Statement::new("delete_old_sessions", &sql, [("expired_before", Type::TIMESTAMPTZ)])
});

row_struct! {
    struct DeletedRow { deleted: i64, is_last: bool }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&DELETE_OLD_SESSIONS];

impl Store {
    /// Looks at the next sessions, and deletes those whose last refresh token had expired by
    /// then.
    pub async fn delete_old_sessions(
        &self,
        expired_before: Timestamp,
    ) -> Result<SessionBatch, StoreError> {
        let expired_before = SystemTime::from(expired_before);
        let row: DeletedRow =
            self.fetch_one(&DELETE_OLD_SESSIONS, &[("expired_before", &expired_before)]).await?;
        Ok(SessionBatch { deleted: row.deleted, is_last: row.is_last })
    }
}

//! The append-only copy of the security log, outside of the database: a sink that puts each entry in its
//! place, and a walk along the chains as they stand there.

pub use domain::ids::UserId;
pub use domain::time::Timestamp;
use serde::Serialize;
use std::sync::Arc;

use super::sinks::{Delivering, Event, EventSink, SecurityEventTable, SinkError};
use crate::audit::chain::{ChainEntry, ChainFault, ChainWalk};
use crate::cloud::{CloudError, CloudFuture};
use crate::core::Core;

/// What stands in the place of an entry after a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// This entry, now or before.
    Kept,
    /// Another one.
    Conflict,
}

/// An entry as the log has it.
#[derive(Clone, Debug)]
pub struct LogEntry {
    pub entry: ChainEntry,
    /// Its retention is over, or ends soon: it and those around it may be deleted, in any order.
    pub is_expired: bool,
}

/// Entries of a user behind a place, in their order.
#[derive(Debug, Default)]
pub struct LogPage {
    pub entries: Vec<LogEntry>,
    pub is_last: bool,
}

/// A store of which nothing is ever changed. Entries hold commitments in place of personal values.
pub trait SecurityLog: Send + Sync {
    /// Puts an entry where none is.
    fn put<'a>(
        &'a self,
        user: UserId,
        entry: &'a ChainEntry,
        created_at: Timestamp,
    ) -> CloudFuture<'a, Put>;

    fn read(&self, user: UserId, after: i64) -> CloudFuture<'_, LogPage>;

    /// Whether entries are deleted when they are old enough.
    fn has_retention(&self) -> bool;
}

/// Puts each entry into the table that its user reads, and into the log.
pub struct SecurityLogSink {
    pub core: Core,
    pub table: SecurityEventTable,
    pub log: Arc<dyn SecurityLog>,
}

impl EventSink for SecurityLogSink {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        Box::pin(async move {
            let entry = self.table.put(event).await?;
            match self.log.put(event.user, &entry, event.created_at).await? {
                Put::Kept => Ok(()),
                Put::Conflict => {
                    self.core.metrics.count("auth_audit_conflicts_total");
                    tracing::error!(
                        user_id = %event.user, seq = entry.seq,
                        "security event conflicts with the one in the append-only log",
                    );
                    Err(SinkError::Conflict)
                }
            }
        })
    }
}

/// Which entries of a chain hold: from the one to the other. None, if the second is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldEntries {
    /// 1, unless retention has deleted the beginning. Of this entry then only the hash is known to be
    /// right: what its text was hashed with is gone.
    pub starts_at: i64,
    pub seq: i64,
}

/// Walks the chain of a user in the log. Gives how far it holds, and what is wrong behind that.
///
/// A log with retention may lack the beginning: the walk then starts at the first entry that is there.
/// Behind an entry that is not expired, nothing may be missing.
pub async fn verify_log(
    log: &dyn SecurityLog,
    user: UserId,
) -> Result<(HeldEntries, Result<(), ChainFault>), CloudError> {
    let (mut walk, mut starts_at) = (ChainWalk::default(), 1);
    let mut may_lack = log.has_retention();
    loop {
        let page = log.read(user, walk.seq()).await?;
        for LogEntry { entry, is_expired } in page.entries {
            if may_lack && entry.seq > walk.seq() + 1 {
                starts_at = entry.seq;
                walk = ChainWalk::after(entry.seq, entry.hash);
            } else if let Err(fault) = walk.step(&entry) {
                return Ok((HeldEntries { starts_at, seq: walk.seq() }, Err(fault)));
            }
            may_lack = is_expired;
        }
        if page.is_last {
            return Ok((HeldEntries { starts_at, seq: walk.seq() }, Ok(())));
        }
    }
}

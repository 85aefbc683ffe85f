//! The append-only copy of the security log, outside of the database: a sink that puts each entry in its
//! place, and a walk along the chains as they stand there.

pub use domain::ids::UserId;
pub use domain::time::Timestamp;
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

/// Entries of a user behind a place, in their order.
#[derive(Debug, Default)]
pub struct LogPage {
    pub entries: Vec<ChainEntry>,
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

/// Walks the chain of a user in the log. Gives how far it holds, and what is wrong behind that. A log
/// whose retention has deleted the beginning of a chain says that it is missing.
pub async fn verify_log(
    log: &dyn SecurityLog,
    user: UserId,
) -> Result<(i64, Result<(), ChainFault>), CloudError> {
    let mut walk = ChainWalk::default();
    loop {
        let page = log.read(user, walk.seq()).await?;
        let stepped = page.entries.iter().try_for_each(|entry| walk.step(entry));
        if stepped.is_err() || page.is_last {
            return Ok((walk.seq(), stepped));
        }
    }
}

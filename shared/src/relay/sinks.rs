//! Where events go: the trait that every sink implements, and the sinks that need nothing but the
//! stores. Sinks of other services are in the crates that link their clients.

use aws_lc_rs::digest::{SHA256, digest};
use domain::hex::parse_hash;
use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use serde_json::Value;
use std::pin::Pin;
use thiserror::Error;
use uuid::Uuid;

use crate::audit::chain::ChainEntry;
use crate::cache::CacheError;
use crate::cloud::CloudError;
use crate::core::Core;
use crate::store::StoreError;
use crate::store::outbox::leases::QueuedEvent;
use crate::store::outbox::trail::PutEvent;

/// An event as a sink gets it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The same however often the event is delivered: by it a sink knows a repeat.
    pub id: Uuid,
    /// Its place in the outbox.
    pub seq: i64,
    pub user: UserId,
    pub topic: String,
    pub payload: Value,
    pub created_at: Timestamp,
}

impl From<QueuedEvent> for Event {
    fn from(queued: QueuedEvent) -> Self {
        let QueuedEvent { seq, user, topic, payload, created_at, .. } = queued;
        // A database that is restored counts again from where it was: the number alone is no id.
        let text = format!("{seq}:{user}:{topic}:{}", created_at.millis());
        let mut id = [0; 16];
        id.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        let id = uuid::Builder::from_custom_bytes(id).into_uuid();
        Self { id, seq, user, topic, payload, created_at }
    }
}

/// Why an event was not delivered.
#[derive(Debug, Error)]
pub enum SinkError {
    #[error("the store of the sink failed")]
    Store(#[from] StoreError),
    #[error("the cache of the sink failed")]
    Cache(#[from] CacheError),
    #[error("the sink was not reached, or failed")]
    Cloud(#[from] CloudError),
    #[error("the sink timed out")]
    TimedOut,
    #[error("the sink is not available: {0}")]
    Unavailable(&'static str),
    /// It holds another event in this place: someone has changed the one or the other.
    #[error("another entry stands in the place of this one")]
    Conflict,
    #[error("the event cannot be delivered: {0}")]
    Malformed(&'static str),
}

impl SinkError {
    /// Whether another try cannot succeed.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Conflict | Self::Malformed(_))
    }
}

pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// Takes events, each at least once. It knows a repeat by the event's id.
pub trait EventSink: Send + Sync {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a>;
}

/// Security events: `auth.security_events` has each in its place. The causing transaction wrote it
/// there, unless it was one of the release before.
pub struct SecurityEventTable(pub Core);

impl SecurityEventTable {
    /// Puts the entry of an event in its place, and gives it.
    pub(super) async fn put(&self, event: &Event) -> Result<ChainEntry, SinkError> {
        let entry = chain_entry(&event.payload).ok_or(SinkError::Malformed("no entry"))?;
        match self.0.store.put_security_event(event.user, &entry, event.created_at).await? {
            PutEvent::Kept => Ok(entry),
            PutEvent::Unknown => Err(SinkError::Unavailable("the entry is being written")),
            PutEvent::Conflict => {
                self.0.metrics.count("auth_audit_conflicts_total");
                tracing::error!(
                    user_id = %event.user, seq = entry.seq,
                    "security event conflicts with the one in its place",
                );
                Err(SinkError::Conflict)
            }
        }
    }
}

impl EventSink for SecurityEventTable {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        Box::pin(async move { self.put(event).await.map(drop) })
    }
}

fn chain_entry(payload: &Value) -> Option<ChainEntry> {
    Some(ChainEntry {
        seq: payload["seq"].as_i64()?,
        hash: parse_hash(payload["hash"].as_str()?)?.into(),
        entry: payload["entry"].as_str()?.to_owned(),
        personal: payload.get("personal").filter(|personal| personal.is_object()).cloned(),
    })
}

/// Ended sessions: their tombstones are written again, should Redis have missed them.
pub struct Tombstones(pub Core);

impl EventSink for Tombstones {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        Box::pin(async move {
            let id = event.payload["sessionId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
            let id = id.ok_or(SinkError::Malformed("no session"))?;
            self.0.cache.write_tombstones(event.user, &[SessionId::from_uuid(id)]).await?;
            Ok(())
        })
    }
}

/// The log, without what the event says: payloads hold numbers.
pub struct EventLog;

impl EventSink for EventLog {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        tracing::info!(event_id = %event.id, user_id = %event.user, topic = event.topic, "event");
        Box::pin(std::future::ready(Ok(())))
    }
}

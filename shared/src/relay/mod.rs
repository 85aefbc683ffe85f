//! The relay: delivers the events of the outbox, at least once, and those of a user in their order.
//! Several may run at once. `cargo local` runs one every second.
//!
//! | file | what it is |
//! |---|---|
//! | [`sinks`] | where events go |
//! | [`cloud`] | what only the relay needs of a cloud |
//! | [`hourly`] | enters what Redis counted by the hour |
//! | [`message`] | an event as other functions get it |
//! | [`services`] | sinks of other functions and services |
//! | [`security_log`] | the append-only copy of the security log |
//! | [`roots`] | publishes the root of all audit chains |
//!
//! A run leases users, delivers their next events, and settles what became of them. A relay that
//! dies holds its leases until they expire. Then another delivers the same events again.

pub mod cloud;
pub mod hourly;
pub mod message;
pub mod roots;
pub mod security_log;
pub mod services;
pub mod sinks;

use domain::ids::{CallId, UserId};
use domain::time::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use crate::core::Core;
use crate::store::StoreError;
use crate::store::outbox::leases::{DeadEvent, FailedEvent, OutboxStats, QueuedEvent, Settlement};
use crate::telemetry::ErrorChain;
use sinks::{Event, EventLog, EventSink, SecurityEventTable, SinkError, Tombstones};

/// How long a lease holds: longer than the longest batch, so that it only ends with a relay that died.
pub const LEASE: Duration = Duration::from_mins(1);
/// After this time no further event of a batch is begun.
const BATCH_TIME: Duration = Duration::from_secs(30);
/// How long a sink may take for an event.
const SINK_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait after the first failure. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// Tries of an event before it is a dead letter: about two days.
pub const MAX_TRIES: i32 = 60;
/// Batches of a run.
const BATCHES: usize = 50;

/// Where the events of each topic go.
#[derive(Clone)]
pub struct Sinks {
    /// `audit`.
    pub security_events: Arc<dyn EventSink>,
    /// `session.ended`.
    pub sessions: Arc<dyn EventSink>,
    /// `security.notice`.
    pub notices: Arc<dyn EventSink>,
    /// All that other services are told.
    pub services: Arc<dyn EventSink>,
}

impl Sinks {
    /// The sinks that need nothing but the stores.
    #[must_use]
    pub fn local(core: &Core) -> Self {
        Self {
            security_events: Arc::new(SecurityEventTable(core.clone())),
            sessions: Arc::new(Tombstones(core.clone())),
            notices: Arc::new(EventLog),
            services: Arc::new(EventLog),
        }
    }

    fn of(&self, topic: &str) -> &dyn EventSink {
        match topic {
            "audit" => &*self.security_events,
            "session.ended" => &*self.sessions,
            "security.notice" => &*self.notices,
            _ => &*self.services,
        }
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    pub delivered: usize,
    /// They are tried again.
    pub failed: usize,
    pub dead: usize,
}

#[derive(Clone)]
pub struct Relay {
    core: Core,
    sinks: Sinks,
}

impl Relay {
    #[must_use]
    pub const fn new(core: Core, sinks: Sinks) -> Self {
        Self { core, sinks }
    }

    /// Delivers what waits. What fails is logged, and a later run tries it again.
    pub async fn run(&self) -> Result<Relayed, StoreError> {
        self.run_for(Duration::MAX).await
    }

    /// The same, beginning no batch but the first after this time.
    pub async fn run_for(&self, limit: Duration) -> Result<Relayed, StoreError> {
        let began = Instant::now();
        let (store, mut relayed) = (&self.core.store, Relayed::default());
        for _ in 0..BATCHES {
            let (claim, now) = (CallId::new(self.core.rng.bytes()), self.core.clock.now());
            let batch = store.lease_events(claim, now, now + LEASE).await?;
            if batch.users == 0 {
                break;
            }
            let settlement = self.deliver(batch.events).await;
            store.settle_events(claim, &settlement, self.core.clock.now()).await?;
            relayed.delivered += settlement.delivered.len();
            relayed.failed += settlement.failed.len();
            relayed.dead += settlement.dead.len();
            let metrics = &self.core.metrics;
            metrics.count_many("auth_outbox_delivered_total", settlement.delivered.len());
            metrics.count_many("auth_outbox_dead_letters_total", settlement.dead.len());
            if began.elapsed() >= limit {
                break;
            }
        }
        Ok(relayed)
    }

    /// Stores how old the oldest event is that waits, and how many are given up, as metrics.
    pub async fn measure(&self, now: Timestamp) -> Result<OutboxStats, StoreError> {
        let stats = self.core.store.outbox_stats().await?;
        let age = stats.oldest.map_or(0, |oldest| (now.millis() - oldest.millis()).max(0) / 1000);
        let gauges =
            [("auth_outbox_age_seconds", age), ("auth_outbox_dead_letters", stats.dead_letters)];
        self.core.set_gauges(&gauges, now).await;
        Ok(stats)
    }

    /// Delivers the events of each user in their order, and those of different users at once.
    async fn deliver(&self, events: Vec<QueuedEvent>) -> Settlement {
        let mut by_user: Vec<(UserId, Vec<QueuedEvent>)> = Vec::new();
        for event in events {
            match by_user.iter_mut().find(|(user, _)| *user == event.user) {
                Some((_, of_user)) => of_user.push(event),
                None => by_user.push((event.user, vec![event])),
            }
        }
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for (_, of_user) in by_user {
            let relay = self.clone();
            tasks.spawn(async move { relay.deliver_in_order(of_user, started).await });
        }
        let mut settlement = Settlement::default();
        while let Some(ended) = tasks.join_next().await {
            // One that panicked delivered nothing that is known: the next run tries it again.
            let Ok(part) = ended else { continue };
            settlement.delivered.extend(part.delivered);
            settlement.failed.extend(part.failed);
            settlement.dead.extend(part.dead);
        }
        settlement
    }

    /// Up to the first event that fails and may succeed later.
    async fn deliver_in_order(&self, events: Vec<QueuedEvent>, started: Instant) -> Settlement {
        let mut settlement = Settlement::default();
        for queued in events {
            if started.elapsed() > BATCH_TIME {
                break;
            }
            let (seq, user, failures) = (queued.seq, queued.user, queued.failures + 1);
            let event = Event::from(queued);
            let sink = self.sinks.of(&event.topic);
            let delivered = tokio::time::timeout(SINK_TIMEOUT, sink.deliver(&event)).await;
            let Err(error) = delivered.unwrap_or(Err(SinkError::TimedOut)) else {
                settlement.delivered.push(seq);
                continue;
            };
            let topic = event.topic.as_str();
            if error.is_final() || failures >= MAX_TRIES {
                tracing::error!(
                    error = %ErrorChain(&error), event_id = %event.id, topic, failures,
                    "gave up an event of the outbox",
                );
                let reason = error.to_string();
                settlement.dead.push(DeadEvent { seq, failures, reason });
                continue;
            }
            tracing::warn!(
                error = %ErrorChain(&error), event_id = %event.id, topic, failures,
                "failed to deliver an event of the outbox",
            );
            self.core.metrics.count("auth_outbox_failures_total");
            let retry_at = self.core.clock.now() + wait_after(failures);
            settlement.failed.push(FailedEvent { user, seq, failures, retry_at });
            break;
        }
        settlement
    }
}

/// How long an event waits after so many failures.
fn wait_after(failures: i32) -> Duration {
    let doublings = u32::try_from(failures - 1).unwrap_or(0).min(12);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_end_after_two_days() {
        let seconds = |failures| wait_after(failures).as_secs();
        assert_eq!([1, 2, 3, 12, 13, 59].map(seconds), [1, 2, 4, 2048, 3600, 3600]);
        let all: Duration = (1..MAX_TRIES).map(wait_after).sum();
        assert!((40..56).contains(&(all.as_secs() / 3600)), "{all:?}");
    }
}

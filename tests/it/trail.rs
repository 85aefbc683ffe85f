//! The trail of security events, and the relay that delivers the outbox, by file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`chains`] | a verification finds each tampering, and no erasure |
//! | [`deliveries`] | what is delivered, in which order, by how many relays |
//! | [`entries`] | every operation that changes something leaves an entry |
//! | [`failures`] | sinks that fail, relays that die, connections that are lost |
//! | [`hourly`] | what is counted, and entered by the hour |
//! | [`sinks`] | the sinks that need nothing but the stores |

mod chains;
mod deliveries;
mod entries;
mod failures;
mod hourly;
mod sinks;

use domain::ids::UserId;
use shared::relay::sinks::{Delivering, Event, EventSink, SinkError};
use shared::relay::{Relay, Sinks};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tests::Service;
use uuid::Uuid;

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33698765432";

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

/// What a sink does with an event.
type Answer = dyn Fn(&Event) -> Result<(), SinkError> + Send + Sync;

/// A sink that notes what it was given, and answers as a test says.
struct Recorder {
    /// In the order of arrival, also those that it refused.
    tried: Mutex<Vec<Event>>,
    taken: Mutex<Vec<Event>>,
    answer: Box<Answer>,
}

impl Recorder {
    fn new(answer: impl Fn(&Event) -> Result<(), SinkError> + Send + Sync + 'static) -> Arc<Self> {
        let (tried, taken) = Default::default();
        Arc::new(Self { tried, taken, answer: Box::new(answer) })
    }

    fn willing() -> Arc<Self> {
        Self::new(|_| Ok(()))
    }

    fn taken(&self) -> Vec<Event> {
        self.taken.lock().unwrap().clone()
    }

    fn tries(&self) -> usize {
        self.tried.lock().unwrap().len()
    }

    /// Of each user the numbers in the payloads, in the order of arrival.
    fn numbers(&self) -> BTreeMap<UserId, Vec<i64>> {
        let mut numbers: BTreeMap<UserId, Vec<i64>> = BTreeMap::new();
        for event in self.taken() {
            let number = event.payload["n"].as_i64().expect("a number");
            numbers.entry(event.user).or_default().push(number);
        }
        numbers
    }

    fn ids(&self) -> BTreeSet<Uuid> {
        self.taken().iter().map(|event| event.id).collect()
    }
}

impl EventSink for Recorder {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        self.tried.lock().unwrap().push(event.clone());
        Box::pin(async move {
            // Others come in between.
            tokio::task::yield_now().await;
            let answer = (self.answer)(event);
            if answer.is_ok() {
                self.taken.lock().unwrap().push(event.clone());
            }
            answer
        })
    }
}

/// A relay of this service that gives every event to the sink.
fn relay(service: &Service, sink: &Arc<Recorder>) -> Relay {
    let all = || -> Arc<dyn EventSink> { sink.clone() };
    let sinks = Sinks { security_events: all(), sessions: all(), notices: all(), services: all() };
    Relay::new(service.state.core.clone(), sinks)
}

/// A relay as `cargo local` runs it.
fn local_relay(service: &Service) -> Relay {
    Relay::new(service.state.core.clone(), Sinks::local(&service.state.core))
}

/// Events of users who have no account: each gets the numbers from 1 on, in turn with the others.
async fn queue(service: &Service, users: u32, each: u32) {
    let now = service.now().millis();
    service
        .sql(&format!(
            "INSERT INTO auth.outbox (user_id, topic, payload, created_at)
             SELECT ('00000000-0000-4000-8000-' || lpad(u::text, 12, '0'))::uuid, 'test.event',
                    jsonb_build_object('n', n), to_timestamp({now} / 1000.0)
               FROM generate_series(1, {each}) AS n, generate_series(1, {users}) AS u
              ORDER BY n, u"
        ))
        .await;
}

async fn undelivered(service: &Service) -> i64 {
    service.count("SELECT count(*) FROM auth.outbox WHERE delivered_at IS NULL").await
}

async fn leases(service: &Service) -> i64 {
    service.count("SELECT count(*) FROM auth.relay_leases").await
}

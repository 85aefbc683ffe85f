//! Sinks that fail, relays that die, and connections that are lost: nothing is lost, and what is
//! delivered again has the id of before.

use super::{Recorder, leases, queue, relay, undelivered, unlimited};
use shared::relay::sinks::{Event, SinkError};
use shared::relay::{LEASE, MAX_TRIES, Relayed};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Proxy, Service};

fn is_first_of_first(event: &Event) -> bool {
    event.payload["n"] == 1 && event.user.to_string().ends_with('1')
}

const DOWN: Result<(), SinkError> = Err(SinkError::Unavailable("a test"));

#[tokio::test]
async fn a_failure_holds_back_its_user_alone_and_is_tried_again_later_and_later() {
    let service = unlimited().await;
    let is_up = Arc::new(AtomicBool::new(false));
    let up = is_up.clone();
    let sink = Recorder::new(move |event| {
        if is_first_of_first(event) && !up.load(Ordering::SeqCst) { DOWN } else { Ok(()) }
    });
    queue(&service, 2, 3).await;
    let relay = relay(&service, &sink);
    let failed = Relayed { failed: 1, ..Relayed::default() };
    assert_eq!(relay.run().await.unwrap(), Relayed { delivered: 3, ..failed });
    assert_eq!(sink.numbers().into_values().collect::<Vec<_>>(), [[1, 2, 3]]);

    let just_before = |wait: u64| Duration::from_millis(wait * 1000 - 1);
    for wait in [1, 2, 4, 8] {
        let tries = sink.tries();
        service.advance(just_before(wait));
        assert_eq!(relay.run().await.unwrap(), Relayed::default(), "{wait} s are not over");
        service.advance(Duration::from_millis(1));
        assert_eq!(relay.run().await.unwrap(), failed);
        assert_eq!(sink.tries(), tries + 1);
    }
    // News of the user wait behind.
    queue(&service, 1, 1).await;
    is_up.store(true, Ordering::SeqCst);
    service.advance(just_before(16));
    assert_eq!(relay.run().await.unwrap(), Relayed::default());
    service.advance(Duration::from_millis(1));
    assert_eq!(relay.run().await.unwrap().delivered, 4);
    let numbers: Vec<_> = sink.numbers().into_values().collect();
    assert_eq!(numbers, [vec![1, 2, 3, 1], vec![1, 2, 3]]);
    assert_eq!((undelivered(&service).await, leases(&service).await), (0, 0));
}

/// More of them than a batch has users.
#[tokio::test]
async fn users_who_wait_do_not_starve_those_behind_them() {
    let service = unlimited().await;
    let is_last = |event: &Event| event.user.to_string().ends_with("251");
    let sink = Recorder::new(move |event| if is_last(event) { Ok(()) } else { DOWN });
    queue(&service, 250, 1).await;
    let relay = relay(&service, &sink);
    assert_eq!(relay.run().await.unwrap(), Relayed { failed: 250, ..Relayed::default() });
    queue(&service, 251, 1).await;
    assert_eq!(relay.run().await.unwrap(), Relayed { delivered: 1, ..Relayed::default() });
    assert_eq!(undelivered(&service).await, 500);
}

#[tokio::test]
async fn an_event_that_no_sink_takes_becomes_a_dead_letter_and_makes_way() {
    let service = unlimited().await;
    let sink = Recorder::new(|event| if is_first_of_first(event) { DOWN } else { Ok(()) });
    queue(&service, 1, 2).await;
    let relay = relay(&service, &sink);
    for tried in 1..MAX_TRIES {
        assert_eq!(relay.run().await.unwrap().failed, 1, "{tried}");
        service.advance(Duration::from_hours(1));
    }
    assert_eq!(undelivered(&service).await, 2);
    let relayed = relay.run().await.unwrap();
    assert_eq!(relayed, Relayed { delivered: 1, dead: 1, failed: 0 });
    assert_eq!(sink.numbers().into_values().next(), Some(vec![2]));
    let dead = service
        .rows("SELECT topic, payload->>'n' AS n, failures, reason FROM auth.dead_letters")
        .await;
    let expected = serde_json::json!([{
        "topic": "test.event", "n": "1", "failures": MAX_TRIES,
        "reason": "the sink is not available: a test",
    }]);
    assert_eq!(serde_json::json!(dead), expected);
    assert_eq!((undelivered(&service).await, leases(&service).await), (0, 0));
    relay.measure(service.now()).await.unwrap();
    let metrics = service.state.core.cache.metrics().await.unwrap();
    let series = |name: &str| metrics.iter().find(|(series, _)| series == name).map(|(_, n)| *n);
    assert_eq!(series("auth_outbox_dead_letters"), Some(1));
    assert_eq!(series("auth_outbox_dead_letters_total"), Some(1));
    assert_eq!(series("auth_outbox_failures_total"), Some(i64::from(MAX_TRIES) - 1));
}

/// Another event fails behind one that had failed before: it has tries of its own.
#[tokio::test]
async fn failures_are_counted_for_each_event() {
    let service = unlimited().await;
    let failing = Arc::new(Mutex::new(1));
    let now_failing = failing.clone();
    let sink = Recorder::new(move |event| {
        if event.payload["n"] == *now_failing.lock().unwrap() { DOWN } else { Ok(()) }
    });
    queue(&service, 1, 2).await;
    let relay = relay(&service, &sink);
    for _ in 0..5 {
        let _ = relay.run().await.unwrap();
        service.advance(Duration::from_hours(1));
    }
    *failing.lock().unwrap() = 2;
    assert_eq!(relay.run().await.unwrap(), Relayed { delivered: 1, failed: 1, dead: 0 });
    let lease = service.rows("SELECT failures, claim FROM auth.relay_leases").await;
    assert_eq!((&lease[0]["failures"], &lease[0]["claim"]), (&1.into(), &serde_json::Value::Null));
    service.advance(Duration::from_millis(999));
    assert_eq!(relay.run().await.unwrap(), Relayed::default());
    service.advance(Duration::from_millis(1));
    assert_eq!(relay.run().await.unwrap().failed, 1);
}

#[tokio::test]
async fn a_relay_that_dies_leaves_its_events_to_the_next_when_its_lease_ends() {
    let service = unlimited().await;
    let (dying, sink) = (Recorder::willing(), Recorder::willing());
    queue(&service, 3, 4).await;
    // It dies with the first answer of the sink: nothing is settled.
    let seen = dying.clone();
    let run = relay(&service, &dying);
    tokio::select! {
        biased;
        () = async {
            while seen.taken().is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
        _ = run.run() => panic!("it ended before it could die"),
    }
    assert_eq!((undelivered(&service).await, leases(&service).await), (12, 3));

    let other = relay(&service, &sink);
    service.advance(LEASE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(other.run().await.unwrap(), Relayed::default(), "the lease still holds");
    service.advance(Duration::from_millis(1));
    assert_eq!(other.run().await.unwrap().delivered, 12);
    assert!(sink.numbers().into_values().all(|numbers| numbers == [1, 2, 3, 4]));
    assert!(dying.ids().is_subset(&sink.ids()), "what is delivered again has the same id");
    assert_eq!((undelivered(&service).await, leases(&service).await), (0, 0));
}

/// Of each user the numbers as they came first.
fn firsts(sink: &Recorder) -> Vec<Vec<i64>> {
    let without_repeats = |numbers: Vec<i64>| {
        let mut seen = BTreeSet::new();
        numbers.into_iter().filter(|number| seen.insert(*number)).collect()
    };
    sink.numbers().into_values().map(without_repeats).collect()
}

#[tokio::test]
async fn a_lost_connection_loses_no_event_and_doubles_no_id() {
    for part in [Lost::Request, Lost::Reply] {
        for skip in 0.. {
            let stores = Stores::fresh().await;
            let (proxy, url) = Proxy::before(&stores.database_url).await;
            let variables = [("DATABASE_URL", url.as_str()), ("RATE_LIMITS", "off")];
            let (service, sink) = (Service::over(stores, &variables).await, Recorder::willing());
            queue(&service, 2, 3).await;
            let relay = relay(&service, &sink);
            proxy.lose(skip, part);
            let _ = relay.run().await;
            let lost = !proxy.has_loss_pending();
            proxy.lose(1_000_000, Lost::Request);
            service.advance(LEASE);
            let _ = relay.run().await.unwrap();
            let context = format!("{part:?} {skip}");
            assert_eq!(firsts(&sink), [[1, 2, 3], [1, 2, 3]], "{context}");
            assert_eq!(sink.ids().len(), 6, "{context}");
            assert_eq!((undelivered(&service).await, leases(&service).await), (0, 0), "{context}");
            if !lost {
                assert!(skip >= 3, "a run has more exchanges than {skip}");
                break;
            }
        }
    }
}

/// Postgres is away while the relay settles: the lease ends, and everything is delivered again.
#[tokio::test]
async fn what_cannot_be_settled_is_delivered_again_under_the_same_ids() {
    let stores = Stores::fresh().await;
    let (proxy, url) = Proxy::before(&stores.database_url).await;
    let variables = [("DATABASE_URL", url.as_str()), ("RATE_LIMITS", "off")];
    let service = Service::over(stores, &variables).await;
    let proxy = Arc::new(proxy);
    let cut = proxy.clone();
    let is_cut = AtomicBool::new(false);
    let sink = Recorder::new(move |_| {
        if !is_cut.swap(true, Ordering::SeqCst) {
            cut.swallow_new(true);
            cut.lose(0, Lost::Request);
        }
        Ok(())
    });
    queue(&service, 2, 3).await;
    let relay = relay(&service, &sink);
    assert!(relay.run().await.is_err(), "nothing could be settled");
    let first = sink.ids();
    assert_eq!((first.len(), undelivered(&service).await), (6, 6));
    proxy.swallow_new(false);
    service.advance(LEASE);
    assert_eq!(relay.run().await.unwrap().delivered, 6);
    assert_eq!((sink.ids(), sink.tries()), (first, 12));
    assert_eq!(undelivered(&service).await, 0);
}

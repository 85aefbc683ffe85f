//! What the relay delivers, in which order, and how many relays may run at once.

use super::{
    OTHER_PHONE, PHONE, Recorder, leases, local_relay, queue, relay, undelivered, unlimited,
};
use serde_json::json;
use shared::relay::Relayed;
use std::time::Duration;
use tests::race::together;

#[tokio::test]
async fn each_event_is_delivered_once_and_those_of_a_user_in_their_order() {
    let (service, sink) = (unlimited().await, Recorder::willing());
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let _ = client.sign_up(OTHER_PHONE).await;
    let _ = client.log_in(PHONE, "another").await;
    let caller = client.bearer(&session.access);
    let _ = caller.post("/auth/v1/logout/all", json!({})).await.expect(204);
    let queued = service.rows("SELECT seq, user_id, topic, payload FROM auth.outbox").await;

    let relayed = relay(&service, &sink).run().await.unwrap();
    assert_eq!(relayed, Relayed { delivered: queued.len(), ..Relayed::default() });
    let taken = sink.taken();
    assert_eq!((taken.len(), sink.ids().len()), (queued.len(), queued.len()));
    for user in [&session.user, &queued[0]["user_id"].as_str().unwrap().to_owned()] {
        let of_user = queued.iter().filter(|row| row["user_id"] == user.as_str());
        let expected: Vec<_> =
            of_user.map(|row| (row["topic"].as_str().unwrap(), &row["payload"])).collect();
        let found = taken.iter().filter(|event| event.user.to_string() == *user);
        let found: Vec<_> = found.map(|event| (event.topic.as_str(), &event.payload)).collect();
        assert_eq!(found, expected);
        assert!(found.len() > 2);
    }
    assert_eq!((undelivered(&service).await, leases(&service).await), (0, 0));
    assert_eq!(relay(&service, &sink).run().await.unwrap(), Relayed::default());
    assert_eq!(sink.tries(), queued.len());

    // Delivered events are kept for a week, to look into a delivery that went wrong.
    let deleted = async || {
        let (core, config) = (&service.state.core, service.state.maintenance);
        shared::maintenance::delete_old_rows(core, config, service.now()).await.unwrap().events
    };
    service.advance(Duration::from_hours(7 * 24 - 1));
    assert_eq!(deleted().await, 0);
    service.advance(Duration::from_hours(1));
    assert_eq!(deleted().await, i64::try_from(queued.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_relays_at_once_deliver_each_event_once_and_in_order() {
    let (service, sink) = (unlimited().await, Recorder::willing());
    let (users, each) = (130, 20);
    queue(&service, users, each).await;
    let mut relays = Vec::new();
    for _ in 0..10 {
        let sandbox = service.sandbox().await;
        relays.extend((0..5).map(|_| relay(&sandbox, &sink)));
    }
    let runs = relays.into_iter().map(|relay| async move { relay.run().await });
    let delivered: usize = together(runs).await.into_iter().map(|run| run.unwrap().delivered).sum();
    // A relay that found nothing free has stopped: what it left is for the next.
    let left = relay(&service, &sink).run().await.unwrap().delivered;
    assert_eq!(delivered + left, usize::try_from(users * each).unwrap());
    assert_eq!(sink.tries(), usize::try_from(users * each).unwrap(), "some were delivered twice");
    let numbers = sink.numbers();
    assert_eq!(numbers.len(), usize::try_from(users).unwrap());
    for (user, numbers) in numbers {
        assert_eq!(numbers, (1..=i64::from(each)).collect::<Vec<_>>(), "{user}");
    }
    assert_eq!((undelivered(&service).await, leases(&service).await), (0, 0));
}

/// The other has leased the user, and commits while this one waits for the row.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_leaves_a_user_to_another_that_was_first() {
    let (service, sink) = (unlimited().await, Recorder::willing());
    queue(&service, 1, 3).await;
    let lease = "INSERT INTO auth.relay_leases (user_id, claim, free_at)
                 SELECT user_id, gen_random_uuid(), 'infinity'::timestamptz
                   FROM auth.outbox GROUP BY user_id";
    let holder = service.hold(lease).await;
    let run = tokio::spawn({
        let relay = relay(&service, &sink);
        async move { relay.run().await.unwrap() }
    });
    service.until_waiting(1).await;
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(run.await.unwrap(), Relayed::default());
    assert_eq!((sink.tries(), undelivered(&service).await), (0, 3));
}

#[tokio::test]
async fn a_long_queue_of_one_user_is_delivered_in_several_batches() {
    let (service, sink) = (unlimited().await, Recorder::willing());
    queue(&service, 1, 2500).await;
    assert_eq!(relay(&service, &sink).run().await.unwrap().delivered, 2500);
    assert_eq!(sink.numbers().into_values().next(), Some((1..=2500).collect()));
}

#[tokio::test]
async fn the_age_of_the_oldest_event_and_the_dead_letters_are_metrics() {
    let service = unlimited().await;
    let series = async |name: &str| {
        local_relay(&service).measure(service.now()).await.unwrap();
        let all = service.state.core.cache.metrics().await.unwrap();
        all.into_iter().find(|(series, _)| series == name).map(|(_, value)| value)
    };
    assert_eq!(series("auth_outbox_age_seconds").await, Some(0));
    queue(&service, 1, 1).await;
    service.advance(Duration::from_secs(90));
    queue(&service, 2, 1).await;
    assert_eq!(series("auth_outbox_age_seconds").await, Some(90));
    let _ = local_relay(&service).run().await.unwrap();
    assert_eq!(series("auth_outbox_age_seconds").await, Some(0));
    assert_eq!(series("auth_outbox_delivered_total").await, Some(3));
    assert_eq!(series("auth_outbox_dead_letters").await, Some(0));
}

//! Requests that queue events invoke the relay before they are answered, at most once. None waits long
//! for it, and none fails with it.

use super::{OTHER_PHONE, PHONE, unlimited};
use serde_json::json;
use std::time::Duration;
use tests::invoke_api::{Answer, InvokeApi};
use tests::proxy::Lost;
use tests::{Keys, Service, Session};

use crate::examples::try_all_of;
use crate::postgres::behind_proxy;

const VARIABLES: [(&str, &str); 2] = [("RELAY_FUNCTION", "relay"), ("RATE_LIMITS", "off")];

async fn in_cloud(api: &InvokeApi) -> Service {
    unlimited().await.in_cloud(Some(api.cloud()), &VARIABLES).await
}

/// How often the relay was invoked since the last call. As if it had begun, so that the next commit
/// invokes it again.
async fn invoked(service: &Service, api: &InvokeApi) -> usize {
    let came = api.take();
    for one in &came {
        assert_eq!((&*one.function, &*one.kind), ("relay", "Event"));
        assert_eq!(one.payload, json!({ "task": "relay" }));
    }
    let _ = service.state.core.cache.begin_relay().await.unwrap();
    came.len()
}

#[tokio::test]
async fn what_queues_events_invokes_the_relay_once_and_nothing_else_does() {
    let api = InvokeApi::start().await;
    let service = in_cloud(&api).await;
    let client = service.client();
    let verification = client.verified("register", PHONE).await;
    assert_eq!(invoked(&service, &api).await, 0, "codes are in Redis");
    let body = json!({ "verificationId": verification });
    let reply = client.post("/auth/v1/register", body.clone()).await;
    let session = Session::from_reply(&reply.expect(201));
    assert_eq!(invoked(&service, &api).await, 1, "a registration");
    let _ = client.post("/auth/v1/register", body).await;
    assert_eq!(invoked(&service, &api).await, 0, "a refused registration");
    let refreshed = Session::from_reply(&client.refresh(&session.refresh).await);
    let _ = client.ws_token(&refreshed.access).await.expect(200);
    assert_eq!(invoked(&service, &api).await, 0, "a refresh");
    let caller = client.clone().bearer(&refreshed.access);
    for path in ["/auth/v1/device", "/auth/v1/security-events", "/auth/v1/signal/devices/check"] {
        let _ = caller.get(path).await;
    }
    assert_eq!(invoked(&service, &api).await, 0, "reads");
    let _ = caller.post("/auth/v1/logout", json!({})).await.expect(204);
    assert_eq!(invoked(&service, &api).await, 1, "a logout");
    let _ = caller.post("/auth/v1/logout", json!({})).await;
    assert_eq!(invoked(&service, &api).await, 0, "a logout of an ended session");
}

/// Every operation of the service, as its description shows it.
#[tokio::test]
async fn an_operation_invokes_the_relay_if_and_only_if_it_queues_events() {
    let api = InvokeApi::start().await;
    let variables = [VARIABLES[0], ("RATE_LIMITS", "on")];
    let service = unlimited().await.in_cloud(Some(api.cloud()), &variables).await;
    // Deliveries do not take rows away, and a deletion of the account does: the newest number counts.
    let newest = "SELECT coalesce(max(seq), 0) FROM auth.outbox";
    let measured = try_all_of(&service, 0, async || {
        (service.count(newest).await, invoked(&service, &api).await)
    });
    let (mut queueing, mut wrong) = (0, Vec::new());
    for (id, (before, _), (after, invocations)) in measured.await {
        if invocations != usize::from(after > before) {
            wrong.push((id, after - before, invocations));
        }
        queueing += invocations;
    }
    assert_eq!(wrong, [], "operations, how many events they queued, how many relays they invoked");
    assert!(queueing > 20, "{queueing} operations");
}

/// Only the take that leaves few keys writes an event.
#[tokio::test]
async fn a_take_of_keys_invokes_the_relay_when_keys_run_low() {
    let api = InvokeApi::start().await;
    let service = in_cloud(&api).await;
    let keys = Keys::new();
    let bundle = keys.bundle(1..22, 1..40);
    let owner = service.client().sign_up_with(PHONE, bundle).await;
    let taker = service.client().sign_up(OTHER_PHONE).await;
    let _ = invoked(&service, &api).await;
    let caller = service.client().bearer(&taker.access);
    let path = format!("/auth/v1/signal/keys/{}/devices/{}", owner.user, owner.device);
    let mut calls = Vec::new();
    for _ in 0..4 {
        let _ = caller.get(&path).await.expect(200);
        calls.push(invoked(&service, &api).await);
    }
    assert_eq!(calls.iter().sum::<usize>(), 1, "{calls:?}");
}

#[tokio::test]
async fn a_relay_that_cannot_be_invoked_fails_no_request_and_is_marked() {
    for answer in [Answer::Refused(500), Answer::Refused(403), Answer::Dropping, Answer::Hanging] {
        let api = InvokeApi::start().await;
        let service = in_cloud(&api).await;
        let refused = answer.clone();
        api.answer(move |_| refused.clone());
        let _ = service.client().sign_up(PHONE).await;
        // A connection may have been stale, so it is sent once more, where there is time.
        assert!((1..=2).contains(&api.take().len()), "{answer:?}");
        let core = &service.state.core;
        let metrics = core.cache.metrics().await.unwrap();
        let failed = ("auth_relay_invocation_failures_total".to_owned(), 1);
        assert!(metrics.contains(&failed), "{answer:?}: {metrics:?}");
        api.answer(|_| Answer::With(json!(null)));
        let _ = service.client().sign_up(OTHER_PHONE).await;
        assert!(!api.take().is_empty(), "{answer:?}: the next commit invokes it");
        let mark = core.cache.begin_relay().await.unwrap();
        assert!(mark.token.is_some(), "{answer:?}: the schedule would not look");
    }
}

/// The repeat finds what the lost try has committed, and queues nothing itself.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_invokes_the_relay_too() {
    for part in [Lost::Request, Lost::Reply] {
        for skip in 0.. {
            let api = InvokeApi::start().await;
            let (proxy, service) = behind_proxy().await;
            let service = service.in_cloud(Some(api.cloud()), &VARIABLES).await;
            let client = service.client();
            let session = client.sign_up(PHONE).await;
            let verification = client.verified("register", OTHER_PHONE).await;
            let _ = invoked(&service, &api).await;
            proxy.lose(skip, part);
            let body = json!({ "verificationId": verification });
            let _ = client.post("/auth/v1/register", body).await.expect(201);
            let registered = invoked(&service, &api).await;
            let _ =
                client.bearer(&session.access).post("/auth/v1/logout", json!({})).await.expect(204);
            let logged_out = invoked(&service, &api).await;
            assert_eq!((registered, logged_out), (1, 1), "{part:?} {skip}");
            if proxy.has_loss_pending() {
                assert!((2..20).contains(&skip), "{skip} round trips");
                break;
            }
        }
    }
}

/// Nobody knows whether it was committed, so the schedule looks.
#[tokio::test]
async fn a_commit_that_was_given_up_is_marked() {
    let api = InvokeApi::start().await;
    let (proxy, service) = behind_proxy().await;
    let service = service.in_cloud(Some(api.cloud()), &VARIABLES).await;
    let session = service.client().sign_up(PHONE).await;
    let caller = service.client().bearer(&session.access);
    let _ = invoked(&service, &api).await;
    let cache = &service.state.core.cache;
    let mark = cache.begin_relay().await.unwrap();
    cache.note_look(mark.token.as_deref(), service.now()).await.unwrap();
    proxy.swallow_new(true);
    proxy.lose(0, Lost::Reply);
    caller.post("/auth/v1/logout", json!({})).await.refused(503, "unavailable");
    assert!(cache.begin_relay().await.unwrap().token.is_some());
    assert_eq!(api.take(), [], "what may not be there is left to the schedule");
}

#[tokio::test]
async fn commits_of_one_moment_share_an_invocation() {
    let api = InvokeApi::start().await;
    let service = in_cloud(&api).await;
    for phone in [PHONE, OTHER_PHONE] {
        let _ = service.client().sign_up(phone).await;
    }
    // Nobody has begun to relay: whoever was invoked first delivers both.
    assert_eq!(invoked(&service, &api).await, 1);
    let session = service.client().log_in(PHONE, "another").await;
    assert_eq!((invoked(&service, &api).await, session.user.is_empty()), (1, false));
}

#[tokio::test]
async fn without_redis_the_relay_is_invoked_for_each_commit() {
    let api = InvokeApi::start().await;
    let service = in_cloud(&api).await;
    let session = service.client().sign_up(PHONE).await;
    let _ = invoked(&service, &api).await;
    let variables = [VARIABLES[0], VARIABLES[1], ("REDIS_URL", "redis://127.0.0.1:1/0")];
    let without = service.in_cloud(Some(api.cloud()), &variables).await;
    let caller = without.client().bearer(&session.access);
    let reply = caller.post("/auth/v1/logout", json!({})).await;
    let came = api.take().len();
    assert_eq!(came, usize::from(reply.status == 204), "{}", reply.status);
}

/// The whole way: a commit invokes the relay, and the relay tells the other service.
#[tokio::test]
async fn a_laptop_invokes_nobody() {
    let api = InvokeApi::start().await;
    let service = unlimited().await;
    let service = service.in_cloud(Some(api.cloud()), &[]).await;
    let _ = service.client().sign_up(PHONE).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(api.take(), []);
    let mark = service.state.core.cache.begin_relay().await.unwrap();
    assert_eq!(mark.token, None);
}

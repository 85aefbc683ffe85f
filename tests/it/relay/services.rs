//! Another service's function: it gets each event at least once, those of a user in their order, each
//! always under one id, whatever it does and however it dies.

use super::{Function, LATER, PHONE, firsts, queue, undelivered, unlimited};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::invoke_api::{Answer, Invocation, InvokeApi};
use tests::race::together;

fn done() -> Answer {
    Answer::With(json!(null))
}

/// What each invocation of a number is answered: the first ones so, the later ones well.
fn at_first(
    times: usize,
    answer: &Answer,
) -> impl Fn(&Invocation) -> Answer + Send + Sync + 'static {
    let (count, answer) = (AtomicUsize::new(0), answer.clone());
    move |_| if count.fetch_add(1, Ordering::SeqCst) < times { answer.clone() } else { done() }
}

#[tokio::test]
async fn an_event_arrives_with_all_that_the_contract_names() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let function = Function::with_user_service(&service, Some(api.cloud())).await;
    let session = service.client().sign_up(PHONE).await;
    let report = function.relay().await;
    assert_eq!((&report["failed"], &report["skipped"]), (&json!(0), &json!(false)));
    let came = api.came();
    let registered = came.iter().find(|one| one.payload["topic"] == "user.registered").unwrap();
    assert_eq!((&*registered.function, &*registered.kind), ("user-service", "RequestResponse"));
    let payload = &registered.payload;
    let fields: Vec<&String> = payload.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["data", "id", "occurredAt", "seq", "topic", "userId"]);
    assert_eq!(payload["userId"], session.user);
    assert_eq!(payload["occurredAt"], service.now().millis());
    assert_eq!(payload["data"]["phoneNumber"], PHONE);
    assert!(payload["seq"].is_i64());
    // What is this service's own stays here.
    assert!(came.iter().all(|one| one.payload["topic"] != "audit"));
    assert_eq!(undelivered(&service).await, 0);
}

#[tokio::test]
async fn a_service_that_fails_is_told_again_in_order_under_the_same_ids() {
    for answer in
        [Answer::FunctionError, Answer::Refused(429), Answer::Refused(500), Answer::Dropping]
    {
        let (service, api) = (unlimited().await, InvokeApi::start().await);
        let function = Function::with_user_service(&service, Some(api.cloud())).await;
        queue(&service, 2, 3).await;
        api.answer(at_first(3, &answer));
        let mut failed = 0;
        for _ in 0..6 {
            failed += function.relay().await["failed"].as_u64().unwrap();
            service.advance(LATER);
        }
        assert_eq!((failed, undelivered(&service).await), (3, 0), "{answer:?}");
        assert_eq!(firsts(&api.came()), [[1, 2, 3], [1, 2, 3]], "{answer:?}");
        // Nothing is invoked twice but what failed: the SDK repeats nothing by itself.
        assert_eq!(api.came().len(), 9, "{answer:?}");
    }
}

/// Ten seconds of a hanging function, in real time.
#[tokio::test]
async fn a_service_that_hangs_holds_back_its_user_alone() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let function = Function::with_user_service(&service, Some(api.cloud())).await;
    queue(&service, 2, 2).await;
    let hangs = |one: &Invocation| one.payload["userId"].as_str().unwrap().ends_with('1');
    api.answer(move |one| if hangs(one) { Answer::Hanging } else { done() });
    let report = function.relay().await;
    assert_eq!((&report["delivered"], &report["failed"]), (&json!(2), &json!(1)));
    api.answer(|_| done());
    service.advance(LATER);
    let report = function.relay().await;
    assert_eq!((&report["delivered"], undelivered(&service).await), (&json!(2), 0));
    assert_eq!(firsts(&api.came()), [[1, 2], [1, 2]]);
}

#[tokio::test]
async fn one_invocation_tries_again_what_fails_for_a_moment() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let variables = [("USER_SERVICE_FUNCTION", "user-service"), ("RELAY_SECONDS", "30")];
    let function = Function::new(&service, Some(api.cloud()), None, &variables).await;
    queue(&service, 1, 2).await;
    api.answer(at_first(1, &Answer::FunctionError));
    // The service's clock stands still: it moves as the real one would.
    let clock = service.clone();
    let ticking = async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            clock.advance(LATER);
        }
    };
    let report =
        tokio::select! { report = function.relay() => report, () = ticking => Value::Null };
    assert_eq!((&report["delivered"], &report["failed"]), (&json!(2), &json!(1)));
    assert_eq!(undelivered(&service).await, 0);
}

#[tokio::test]
async fn what_no_service_takes_becomes_a_dead_letter_that_is_counted() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let function = Function::with_user_service(&service, Some(api.cloud())).await;
    queue(&service, 1, 1).await;
    api.answer(|_| Answer::FunctionError);
    let mut dead = 0;
    for _ in 0..shared::relay::MAX_TRIES {
        dead += function.relay().await["dead"].as_u64().unwrap();
        service.advance(LATER);
    }
    let letters = service.count("SELECT count(*) FROM auth.dead_letters").await;
    assert_eq!((dead, undelivered(&service).await, letters), (1, 0, 1));
    let metrics = function.state.core.cache.metrics().await.unwrap();
    for name in ["auth_outbox_dead_letters_total", "auth_outbox_dead_letters"] {
        assert!(metrics.contains(&(name.to_owned(), 1)), "{name}: {metrics:?}");
    }
}

#[tokio::test]
async fn twenty_relays_at_once_deliver_each_event_once() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let cloud = api.cloud();
    queue(&service, 30, 5).await;
    let mut relays = Vec::new();
    for _ in 0..20 {
        let function = Function::with_user_service(&service, Some(cloud.clone())).await;
        relays.push(async move { function.relay().await["delivered"].as_u64().unwrap() });
    }
    let delivered: u64 = together(relays).await.into_iter().sum();
    assert_eq!((delivered, api.came().len()), (150, 150));
    assert_eq!(firsts(&api.came()), vec![vec![1, 2, 3, 4, 5]; 30]);
    assert_eq!(undelivered(&service).await, 0);
}

#[tokio::test]
async fn registrations_also_go_to_a_stream_in_redis() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let variables = [("USER_SERVICE_FUNCTION", "user-service"), ("EVENTS_REDIS_STREAM", "true")];
    let function = Function::new(&service, Some(api.cloud()), None, &variables).await;
    let session = service.client().sign_up(PHONE).await;
    // The service first: what it does not take does not stand in the stream each time.
    api.answer(at_first(1, &Answer::FunctionError));
    let _ = function.relay().await;
    service.advance(LATER);
    let _ = function.relay().await;
    let mut redis = service.redis().await;
    let mut range = redis::cmd("XRANGE");
    range.arg("stream:user.registered").arg("-").arg("+");
    let entries: Vec<(String, Vec<(String, String)>)> =
        range.query_async(&mut redis).await.unwrap();
    let [(_, fields)] = &entries[..] else { panic!("{entries:?}") };
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let at = api.came().last().unwrap().payload["data"]["timestamp"].to_string();
    let expected = [("userId", &*session.user), ("phoneNumber", PHONE), ("timestamp", &*at)];
    assert_eq!(fields, expected);
    let ttl: i64 =
        redis::cmd("PTTL").arg("stream:user.registered").query_async(&mut redis).await.unwrap();
    assert!(ttl > 0, "a stream that never expires");
    // Without the variable there is none.
    let other = unlimited().await;
    let function = Function::with_user_service(&other, Some(api.cloud())).await;
    let _ = other.client().sign_up(PHONE).await;
    let _ = function.relay().await;
    let mut redis = other.redis().await;
    let streams: i64 =
        redis::cmd("EXISTS").arg("stream:user.registered").query_async(&mut redis).await.unwrap();
    assert_eq!(streams, 0);
}

#[tokio::test]
async fn a_gateways_event_and_an_unknown_task_do_nothing() {
    let service = unlimited().await;
    let function = Function::new(&service, None, None, &[]).await;
    queue(&service, 1, 1).await;
    for event in [
        json!({ "task": "relay", "requestContext": { "http": {} } }),
        json!({ "body": "{\"task\":\"relay\"}" }),
        json!({ "task": "verify_log" }),
        json!({ "task": "delete_everything" }),
        json!({}),
    ] {
        assert!(function.invoke(event.clone()).await.is_err(), "{event}");
    }
    assert_eq!(undelivered(&service).await, 1);
    let schedule =
        json!({ "version": "0", "source": "aws.events", "detail-type": "Scheduled Event" });
    assert_eq!(function.invoke(schedule).await.unwrap()["delivered"], 1);
}

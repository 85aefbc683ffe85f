//! Notices: those to a number by a task of `verify`, those to devices by the other service. A task is a
//! direct invocation: what a client sends through the gateway never becomes one.

use super::{Function, PHONE, undelivered, unlimited};
use serde_json::{Value, json};
use shared::lambda::direct;
use shared::secrets::REFRESH_BY;
use std::time::Duration;
use tests::Service;
use tests::invoke_api::{Answer, InvokeApi};
use tests::stores::Stores;
use tests::vault::Vault;

const OLD_PHONE: &str = "+33611111111";

/// What the function `verify` answers, as Lambda runs it.
async fn verify(service: &Service, event: Value) -> Result<Value, lambda_runtime::Error> {
    let state = service.state.verify.clone();
    let core = state.core.clone();
    let function = direct::service(verify::router(), core, state, verify::TASKS);
    tests::lambda::invoke(function, event).await
}

/// Queues a notice to a number, and one to devices.
async fn queue_notices(service: &Service) {
    let notice = |to: &str| {
        json!({ "userId": "00000000-0000-4000-8000-000000000001", "notice": "phone_changed",
                "to": to, "phoneNumber": OLD_PHONE, "timestamp": 1 })
    };
    for to in ["phone", "devices"] {
        service
            .sql(&format!(
                "INSERT INTO auth.outbox (user_id, topic, payload, created_at)
                 VALUES ('00000000-0000-4000-8000-000000000001', 'security.notice', '{}', now())",
                notice(to)
            ))
            .await;
    }
}

#[tokio::test]
async fn a_notice_to_a_number_is_a_task_of_verify_and_one_to_devices_goes_to_the_service() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let variables = [("VERIFY_FUNCTION", "verify"), ("USER_SERVICE_FUNCTION", "user-service")];
    let function = Function::new(&service, Some(api.cloud()), None, &variables).await;
    queue_notices(&service).await;
    assert_eq!(function.relay().await["delivered"], 2);
    let came = api.take();
    let functions: Vec<&str> = came.iter().map(|one| &*one.function).collect();
    assert_eq!(functions, ["verify", "user-service"]);
    assert_eq!(came[0].payload["task"], "send_notice");
    assert_eq!(came[1].payload["data"]["to"], "devices");

    // `verify` takes exactly this, and sends it.
    let answer = verify(&service, came[0].payload.clone()).await.unwrap();
    assert_eq!(answer, json!({ "done": true }));
    let metrics = service.state.core.cache.metrics().await.unwrap();
    assert!(metrics.contains(&("auth_notices_sent_total".to_owned(), 1)), "{metrics:?}");
}

/// The task of a notice to this number.
fn task(number: &str) -> Value {
    json!({ "task": "send_notice", "event": {
        "id": "00000000-0000-4000-8000-000000000001", "topic": "security.notice", "seq": 1,
        "userId": "00000000-0000-4000-8000-000000000001", "occurredAt": 1,
        "data": { "to": "phone", "notice": "phone_changed", "phoneNumber": number } } })
}

#[tokio::test]
async fn a_changed_secret_arrives_beside_a_task() {
    let vault = Vault::new(&[("numbers", "+33612345678=111111")]);
    let variables = [("TEST_PHONE_NUMBERS_SECRET_ID", "numbers")];
    let stores = Stores::fresh().await;
    let service = Service::over_in_cloud(stores, Some(vault.clone()), &variables).await;
    let _ = verify(&service, task(OLD_PHONE)).await.unwrap();
    assert_eq!(service.inbox().await.len(), 1);
    // Nothing is sent to a test number: the task after that which loads it knows it as one.
    vault.put("numbers", &format!("{OLD_PHONE}=111111"));
    service.advance(REFRESH_BY);
    for _ in 0..2 {
        let _ = verify(&service, task(OLD_PHONE)).await.unwrap();
        // The inbox shows equal messages of one moment once.
        service.advance(Duration::from_secs(1));
    }
    assert_eq!(service.inbox().await.len(), 2);
}

#[tokio::test]
async fn a_notice_that_can_never_be_sent_is_a_dead_letter_at_once() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let mut broken = task("no number");
    let refused = verify(&service, broken.clone()).await.unwrap();
    assert!(refused["refused"].is_string(), "{refused}");
    broken["event"] = json!({});
    assert!(verify(&service, broken).await.is_err());

    api.answer(move |_| Answer::With(refused.clone()));
    let variables = [("VERIFY_FUNCTION", "verify")];
    let function = Function::new(&service, Some(api.cloud()), None, &variables).await;
    queue_notices(&service).await;
    let report = function.relay().await;
    assert_eq!((&report["dead"], &report["delivered"]), (&json!(1), &json!(1)));
    assert_eq!(undelivered(&service).await, 0);
}

/// As of a release of `verify` without the task, or of another function under its name.
#[tokio::test]
async fn an_answer_that_is_none_to_a_task_delivers_nothing() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let variables = [("VERIFY_FUNCTION", "verify")];
    let function = Function::new(&service, Some(api.cloud()), None, &variables).await;
    for answer in
        [json!({ "statusCode": 500, "body": "" }), json!({ "done": false }), json!("done")]
    {
        queue_notices(&service).await;
        api.answer(move |_| Answer::With(answer.clone()));
        let report = function.relay().await;
        assert_eq!(&report["dead"], &json!(0), "{report}");
        // The notice to devices waits behind it: events of a user are delivered in their order.
        assert_eq!(undelivered(&service).await, 2, "{report}");
        api.answer(|_| Answer::With(json!({ "done": true })));
        service.advance(Duration::from_hours(1));
        let _ = function.relay().await;
        assert_eq!(undelivered(&service).await, 0);
    }
}

/// A client chooses its path, query, headers and body, and no more.
#[tokio::test]
async fn no_event_of_a_gateway_is_a_task() {
    let service = unlimited().await;
    let event = json!({
        "id": "00000000-0000-4000-8000-000000000001", "topic": "security.notice", "seq": 1,
        "userId": "00000000-0000-4000-8000-000000000001", "occurredAt": 1,
        "data": { "to": "phone", "notice": "phone_changed", "phoneNumber": PHONE } });
    let smuggled = json!({ "task": "send_notice", "event": event });
    let mut http = crate::sources::read_json("events/start_registration_verification.json");
    http["body"] = json!(smuggled.to_string());
    http["rawQueryString"] = json!("task=send_notice");
    http["queryStringParameters"] = json!({ "task": "send_notice" });
    http["headers"]["task"] = json!("send_notice");
    let answer = verify(&service, http.clone()).await.unwrap();
    assert_eq!(answer["statusCode"], 400, "{answer}");
    // Even an event that looks like both is the gateway's.
    http["task"] = json!("send_notice");
    http["event"] = event.clone();
    let answer = verify(&service, http).await.unwrap();
    assert_eq!(answer["statusCode"], 400, "{answer}");
    for other in [
        json!({ "task": "send_notice", "event": event, "requestContext": {} }),
        json!({ "task": "relay" }),
        json!({ "task": ["send_notice"], "event": event }),
    ] {
        let answer = verify(&service, other.clone()).await.unwrap();
        assert_eq!(answer["statusCode"], 500, "{other}: {answer}");
    }
    let metrics = service.state.core.cache.metrics().await.unwrap();
    assert!(metrics.iter().all(|(name, _)| !name.starts_with("auth_notices")), "{metrics:?}");
}

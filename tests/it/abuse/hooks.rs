//! Test numbers, the challenge hook, and Vonage: what stands around the sending.

use axum::extract::{Form, Json, State};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::Service;
use tests::service::listen;

const PHONE: &str = "+33612345678";
const REGISTER: &str = "/auth/v1/verify/register/request";

type Seen<T> = Arc<Mutex<Vec<T>>>;

/// Serves one route on a port of this machine; gives its address.
async fn serve(path: &str, route: axum::routing::MethodRouter) -> String {
    listen(axum::Router::new().route(path, route)).await
}

#[tokio::test]
async fn a_test_number_has_its_code_and_gets_no_message() {
    let numbers = format!("{PHONE}=123456, +447400123456=000000");
    let service = Service::with(&[("TEST_PHONE_NUMBERS", &numbers)]).await;
    let client = service.client();
    let reply = client.post(REGISTER, json!({ "phoneNumber": PHONE })).await.expect(200);
    assert!(reply.json().get("code").is_none());
    let id = reply.json()["verificationId"].as_str().unwrap().to_owned();
    service.advance(Duration::from_mins(2));
    let _ = client.post(&format!("/auth/v1/verify/{id}/resend"), json!({})).await.expect(200);
    assert_eq!(service.inbox().await, Vec::<Value>::new());
    client.confirm("register", &id, "123457").await.refused(400, "code_incorrect");
    let _ = client.confirm("register", &id, "123456").await.expect(200);
    let register = json!({ "verificationId": id });
    let _ = client.post("/auth/v1/register", register).await.expect(201);
    // No other number has that code for good.
    let (id, code) = client.start("register", "+33612345679").await;
    assert_eq!(client.confirm("register", &id, "123456").await.status == 200, code == "123456");
}

#[tokio::test]
async fn a_challenge_is_approved_before_anything_is_sent() {
    let seen: Seen<HashMap<String, String>> = Arc::default();
    let answer = |State(seen): State<Seen<HashMap<String, String>>>,
                  Form(form): Form<HashMap<String, String>>| async move {
        let good = form["response"] == "solved";
        seen.lock().unwrap().push(form);
        Json(json!({ "success": good }))
    };
    let url = serve("/siteverify", post(answer).with_state(seen.clone())).await;
    let url = format!("{url}/siteverify");
    let variables = [("SMS_CHALLENGE_URL", url.as_str()), ("SMS_CHALLENGE_SECRET", "hush")];
    let service = Service::with(&variables).await;
    let client = service.client();
    let request = |challenge: Value| json!({ "phoneNumber": PHONE, "challenge": challenge });

    client.post(REGISTER, request(Value::Null)).await.refused(403, "challenge_refused");
    assert!(seen.lock().unwrap().is_empty(), "asked without an answer to show");
    client.post(REGISTER, request(json!("guess"))).await.refused(403, "challenge_refused");
    assert_eq!(service.inbox().await, Vec::<Value>::new());
    let _ = client.post(REGISTER, request(json!("solved"))).await.expect(200);
    assert_eq!(service.inbox().await.len(), 1);
    let form = seen.lock().unwrap().last().unwrap().clone();
    assert_eq!((form["secret"].as_str(), form["remoteip"].as_str()), ("hush", "203.0.113.7"));

    // A hook that does not answer lets nobody through.
    let down = Service::with(&[("SMS_CHALLENGE_URL", "http://127.0.0.1:9/")]).await;
    down.client().post(REGISTER, request(json!("solved"))).await.refused(503, "unavailable");
    assert_eq!(down.inbox().await, Vec::<Value>::new());
}

#[tokio::test]
async fn vonage_is_sent_to_and_its_refusals_are_told() {
    let seen: Seen<Value> = Arc::default();
    let answer = |State(seen): State<Seen<Value>>, Json(body): Json<Value>| async move {
        // The third message and all after it are refused, with a 200 as Vonage does.
        let status = if seen.lock().unwrap().len() < 2 { "0" } else { "4" };
        seen.lock().unwrap().push(body);
        Json(json!({ "message-count": "1", "messages": [{ "status": status }] }))
    };
    let url = serve("/sms/json", post(answer).with_state(seen.clone())).await;
    let variables = [
        ("SMS_SENDER", "vonage"),
        ("VONAGE_API_KEY", "key"),
        ("VONAGE_API_SECRET", "secret"),
        ("VONAGE_FROM", "Whispr"),
        ("VONAGE_API_URL", url.as_str()),
    ];
    let service = Service::with(&variables).await;
    let client = service.client();
    let _ = client.post(REGISTER, json!({ "phoneNumber": PHONE })).await.expect(200);
    let sent = seen.lock().unwrap()[0].clone();
    let text = sent["text"].as_str().unwrap();
    assert!(text.starts_with("Whispr: your code is "), "{text}");
    assert_eq!(
        [&sent["api_key"], &sent["api_secret"], &sent["from"], &sent["to"]],
        ["key", "secret", "Whispr", "33612345678"]
    );
    let _ = client.post(REGISTER, json!({ "phoneNumber": PHONE })).await.expect(200);
    client.post(REGISTER, json!({ "phoneNumber": PHONE })).await.refused(502, "sms_failed");
}

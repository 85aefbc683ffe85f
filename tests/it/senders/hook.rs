//! The sender `hook`: what is posted, how it is signed, and that the documented receiver takes
//! each message once.

use crate::verify::{PHONE, ask, id_of, keys};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::Service;
use tests::service::listen;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OLD_SECRET: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// A receiver that keeps what it gets, and answers what it is told to, then 204.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start(&self) -> String {
        let answer = async |State(receiver): State<Self>, headers: HeaderMap, body: Bytes| {
            let body = String::from_utf8(body.to_vec()).expect("JSON");
            receiver.got.lock().unwrap().push((headers, body));
            let status = receiver.answers.lock().unwrap().pop().unwrap_or(204);
            let place = [("location", "/elsewhere")];
            (StatusCode::from_u16(status).expect("a status"), place)
        };
        listen(Router::new().fallback(answer).with_state(self.clone())).await
    }

    fn got(&self) -> Vec<(HeaderMap, String)> {
        self.got.lock().unwrap().clone()
    }

    /// The statuses of the next answers.
    fn answer(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.iter().rev().copied().collect();
    }
}

async fn service(url: &str, more: &[(&str, &str)]) -> Service {
    let hook = [("SMS_HOOK_URL", url), ("SMS_HOOK_SECRET", SECRET), ("SMS_SENDER", "hook")];
    let variables: Vec<_> = more.iter().copied().chain(hook).collect();
    // The first of a name counts.
    let variables: HashMap<_, _> = variables.into_iter().rev().collect();
    Service::with(&variables.into_iter().collect::<Vec<_>>()).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().expect("text")
}

fn signature(secret: &str, headers: &HeaderMap, body: &str) -> String {
    let (id, at) = (header(headers, "webhook-id"), header(headers, "webhook-timestamp"));
    let key = BASE64.decode(secret.trim_start_matches("whsec_")).expect("base64");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let tag = aws_lc_rs::hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(tag))
}

#[tokio::test]
async fn a_message_is_posted_once_and_signed() {
    let receiver = Receiver::default();
    let service = service(&receiver.start().await, &[]).await;
    let client = service.client().with_header("accept-language", "fr");
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let (headers, body) = &got[0];
    assert_eq!(header(headers, "content-type"), "application/json");
    assert_eq!(header(headers, "webhook-signature"), signature(SECRET, headers, body));
    let message: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(message["type"], "verification.code");
    let data = &message["data"];
    assert_eq!(
        (&data["to"], &data["language"], &data["reason"]),
        (&PHONE.into(), &"fr".into(), &"route".into())
    );
    let code = data["code"].as_str().expect("a code");
    let text = format!("Whispr : votre code est {code}. Valable 10 minutes, ne le partagez pas.");
    assert_eq!(data["text"], text);
    let _ = client.confirm("register", &id, code).await.expect(200);
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_sign() {
    let receiver = Receiver::default();
    let secrets = format!("{SECRET}, {OLD_SECRET}");
    let service = service(&receiver.start().await, &[("SMS_HOOK_SECRET", &secrets)]).await;
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    let (headers, body) = &receiver.got()[0];
    let both = [SECRET, OLD_SECRET].map(|secret| signature(secret, headers, body)).join(" ");
    assert_eq!(header(headers, "webhook-signature"), both);
}

#[tokio::test]
async fn a_repeat_has_the_same_id_and_another_message_has_another() {
    let receiver = Receiver::default();
    let service = service(&receiver.start().await, &[]).await;
    receiver.answer(&[503]);
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    let got = receiver.got();
    let ids: Vec<_> = got.iter().map(|(headers, _)| header(headers, "webhook-id")).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!((ids[0], &got[0].1), (ids[1], &got[1].1));
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn what_a_receiver_refuses_is_told_and_posted_no_more() {
    let receiver = Receiver::default();
    let service = service(&receiver.start().await, &[]).await;
    for (answers, posts) in [(&[400][..], 1), (&[307], 1), (&[404], 1), (&[500, 502], 2)] {
        receiver.got.lock().unwrap().clear();
        receiver.answer(answers);
        ask(&service.client(), "register", PHONE).await.refused(502, "sms_failed");
        assert_eq!(receiver.got().len(), posts, "{answers:?}");
        assert!(keys(&service, "verification:*").await.is_empty(), "{answers:?}");
    }
}

#[tokio::test]
async fn as_a_fallback_the_message_says_why_it_comes_this_way() {
    let receiver = Receiver::default();
    let twilio = tests::twilio::Twilio::start().await;
    twilio.set(tests::twilio::Mood::Refusing(400));
    let more: Vec<_> = twilio.variables().into_iter().chain([("SMS_FALLBACK", "hook")]).collect();
    let service = service(&receiver.start().await, &more).await;
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    let message: Value = serde_json::from_str(&receiver.got()[0].1).expect("JSON");
    let by_sms = &twilio.sent()[0].form["Body"];
    assert_eq!(message["data"]["text"], format!("It could not be sent by SMS. {by_sms}"));
    assert_eq!(message["data"]["reason"], "fallback");
}

async fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// Posts to the receiver as the service does. Gives the status.
async fn post(place: &str, headers: &HeaderMap, body: &str) -> u16 {
    let mut request = format!("POST / HTTP/1.0\r\ncontent-length: {}\r\n", body.len());
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let _ = write!(request, "{name}: {}\r\n", header(headers, name));
    }
    let mut stream = TcpStream::connect(place).await.expect("the receiver listens");
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// The receiver of docs/sms-hook.md, run as a reader would.
#[tokio::test]
async fn the_documented_receiver_takes_each_message_once_and_no_forged_one() {
    let page = include_str!("../../../docs/sms-hook.md");
    let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let place = free_address().await;
    let (_, port) = place.rsplit_once(':').expect("a port");
    let mut python = Command::new("python3")
        .args(["-c", program.expect("a receiver"), port])
        .env("SMS_HOOK_SECRET", SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    while TcpStream::connect(&place).await.is_err() {
        assert!(python.try_wait().expect("a child").is_none(), "the receiver ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // What leaves the service passes through here, so that it can be sent again.
    let recorder = Receiver::default();
    let service = service(&recorder.start().await, &[]).await;
    // The receiver compares with its own clock.
    service.advance(shared::clock::Clock::System.now().since(service.now()));
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    let (headers, body) = recorder.got().remove(0);

    let post = async |changed: &[(&str, &str)], body: &str| {
        let mut headers = headers.clone();
        for (name, value) in changed {
            let name = http::HeaderName::try_from(*name).expect("a name");
            headers.insert(name, value.parse().expect("a value"));
        }
        post(&place, &headers, body).await
    };
    let earlier = (service.now().seconds() - 1000).to_string();
    assert_eq!(post(&[], &body.replace("+336", "+337")).await, 401);
    assert_eq!(post(&[("webhook-id", "msg_other")], &body).await, 401);
    assert_eq!(post(&[("webhook-timestamp", &earlier)], &body).await, 401);
    assert_eq!(post(&[("webhook-signature", "")], &body).await, 401);
    assert_eq!(post(&[], &body).await, 200);
    assert_eq!(post(&[], &body).await, 200);
    let mut old = headers.clone();
    old.insert("webhook-timestamp", earlier.parse().expect("a header"));
    let signed = signature(SECRET, &old, &body);
    let late = [("webhook-timestamp", earlier.as_str()), ("webhook-signature", signed.as_str())];
    assert_eq!(post(&late, &body).await, 400);

    python.kill().expect("the child runs");
    let output = python.wait_with_output().expect("its output");
    let printed = String::from_utf8(output.stdout).expect("text");
    let message: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(printed, format!("{PHONE} {}\n", message["data"]["text"].as_str().expect("a text")));
}

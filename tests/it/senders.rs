//! How a code leaves: Twilio's HTTP API, what happens when it fails, and the fallback.

mod aws;
mod feedback;
mod hook;

use crate::verify::{OTHER_PHONE, PHONE, ask, id_of, keys, resend, status};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tests::twilio::{Mood, Twilio};
use tests::{Reply, Service};

const MESSAGES: &str = "/2010-04-01/Accounts/AC0123456789/Messages.json";
const FAILURES: [Mood; 6] = [
    Mood::Refusing(400),
    Mood::Refusing(401),
    Mood::Refusing(429),
    Mood::Refusing(500),
    Mood::Redirecting,
    Mood::Dropping,
];

async fn service(twilio: &Twilio, more: &[(&str, &str)]) -> Service {
    let variables: Vec<_> = twilio.variables().into_iter().chain(more.iter().copied()).collect();
    Service::with(&variables).await
}

/// The code in the newest message.
fn code(twilio: &Twilio) -> String {
    let sent = twilio.sent();
    let body = &sent.last().expect("a message").form["Body"];
    let digits = body.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
    digits.expect("a code").to_owned()
}

/// Told as a failed send, and nothing of the provider's words with it.
fn failed(reply: Reply, twilio: &Twilio) {
    let reply = reply.refused(502, "sms_failed");
    let answer = format!("{:?} {}", reply.headers, reply.json());
    let sent = twilio.sent();
    let form = &sent.last().expect("a message").form;
    for secret in [&PHONE[1..], &form["Body"], &code(twilio), "was refused", "Twilio"] {
        assert!(!answer.contains(secret), "{secret} in {answer}");
    }
}

#[tokio::test]
async fn twilio_is_sent_one_form_per_code() {
    let twilio = Twilio::start().await;
    let service = service(&twilio, &[("SMS_APP_HASH", "FA+9qCX9VSu")]).await;
    let client = service.client().with_header("accept-language", "fr");
    let id = id_of(&ask(&client, "register", "+33 6 12 34 56 78").await.expect(200));

    let sent = twilio.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((&*sent[0].method, &*sent[0].path), ("POST", MESSAGES));
    assert_eq!(sent[0].credentials, "AC0123456789:a secret: of Twilio");
    assert_eq!(sent[0].content_type, "application/x-www-form-urlencoded");
    let code = code(&twilio);
    let body = format!(
        "Whispr : votre code est {code}. Valable 10 minutes, ne le partagez pas.\nFA+9qCX9VSu"
    );
    let form = [("To", PHONE), ("From", "+15005550006"), ("Body", &body)];
    assert_eq!(sent[0].form, form.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert!(service.inbox().await.is_empty(), "kept in the inbox too");
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

#[tokio::test]
async fn a_failed_send_is_told_and_leaves_no_verification() {
    for failure in FAILURES {
        let twilio = Twilio::start().await;
        let service = service(&twilio, &[]).await;
        twilio.set(failure);
        for purpose in ["register", "login"] {
            failed(ask(&service.client(), purpose, PHONE).await, &twilio);
        }
        // Asked once each, and nowhere else.
        let paths: Vec<_> = twilio.sent().into_iter().map(|sent| sent.path).collect();
        assert_eq!(paths, [MESSAGES, MESSAGES], "{failure:?}");
        assert!(keys(&service, "verification:*").await.is_empty(), "{failure:?}");
        assert!(service.inbox().await.is_empty());

        twilio.set(Mood::Taking);
        let id = id_of(&ask(&service.client(), "register", PHONE).await.expect(200));
        let _ = service.client().confirm("register", &id, &code(&twilio)).await.expect(200);
    }
}

#[tokio::test]
async fn a_failed_resend_leaves_the_earlier_code_valid() {
    for failure in FAILURES {
        let twilio = Twilio::start().await;
        let service = service(&twilio, &[]).await;
        let client = service.client();
        let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
        let first = code(&twilio);
        service.advance(Duration::from_secs(100));
        let before = status(&client, &id).await.expect(200).json();

        twilio.set(failure);
        failed(resend(&client, &id).await, &twilio);
        let unsent = code(&twilio);
        assert_eq!(twilio.sent().len(), 2, "{failure:?}");
        let after = status(&client, &id).await.expect(200).json();
        assert_eq!(after["expiresIn"], before["expiresIn"], "{failure:?}");
        client.confirm("register", &id, &unsent).await.refused(400, "code_incorrect");
        let _ = client.confirm("register", &id, &first).await.expect(200);
    }
}

#[tokio::test]
async fn a_failed_resend_may_be_repeated_at_once() {
    let twilio = Twilio::start().await;
    let service = service(&twilio, &[]).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let first = code(&twilio);
    service.advance(Duration::from_secs(30));
    twilio.set(Mood::Refusing(500));
    for _ in 0..3 {
        failed(resend(&client, &id).await, &twilio);
        assert_eq!(status(&client, &id).await.json()["resendIn"], 0);
    }
    twilio.set(Mood::Taking);
    // As if there had been none before.
    assert_eq!(resend(&client, &id).await.expect(200).json()["resendIn"], 60);
    let second = code(&twilio);
    client.confirm("register", &id, &first).await.refused(400, "code_incorrect");
    let _ = client.confirm("register", &id, &second).await.expect(200);
}

#[tokio::test]
async fn known_and_unknown_numbers_fail_alike() {
    let twilio = Twilio::start().await;
    let service = service(&twilio, &[]).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let _ = client.confirm("register", &id, &code(&twilio)).await.expect(200);
    let body = serde_json::json!({ "verificationId": id });
    let _ = client.post("/auth/v1/register", body).await.expect(201);
    service.advance(Duration::from_mins(1));

    twilio.set(Mood::Refusing(503));
    let told = async |phone: &str, address: [u8; 4]| {
        let reply = ask(&service.client_at(address.into()), "login", phone).await;
        let mut body = reply.json();
        body["requestId"] = Value::Null;
        let mut headers = reply.headers.clone();
        headers.remove("x-request-id");
        (reply.status, headers, body)
    };
    let known = told(PHONE, [192, 0, 2, 1]).await;
    assert_eq!(known.0, 502);
    assert_eq!(known, told(OTHER_PHONE, [192, 0, 2, 2]).await);
    assert_eq!(twilio.sent().len(), 3);
}

#[tokio::test]
async fn a_sender_that_never_answers_may_have_sent_so_the_code_stays() {
    let twilio = Twilio::start().await;
    let service = service(&twilio, &[]).await;
    twilio.set(Mood::Hanging);
    // Were it not the sender's own limit, the request's would end this with 503.
    let started = ask(&service.client(), "register", PHONE).await.expect(200);
    assert_eq!(twilio.sent().len(), 1);
    let _ =
        service.client().confirm("register", &id_of(&started), &code(&twilio)).await.expect(200);
}

/// Look-up, two senders and what undoes them have one deadline together.
#[tokio::test]
async fn slow_stores_and_senders_together_stay_within_the_deadline_of_a_request() {
    let twilio = Twilio::start().await;
    let stores = tests::stores::Stores::fresh().await;
    let (proxy, database_url) = tests::Proxy::before(&stores.database_url).await;
    let more = [("SMS_FALLBACK", "twilio"), ("DATABASE_URL", database_url.as_str())];
    let variables: Vec<_> = twilio.variables().into_iter().chain(more).collect();
    let service = Service::over(stores, &variables).await;
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    twilio.set(Mood::Hanging);
    proxy.delay(Duration::from_millis(1800));
    let started = ask(&service.client(), "register", PHONE).await.expect(200);
    assert_eq!(twilio.sent().len(), 3);
    let _ =
        service.client().confirm("register", &id_of(&started), &code(&twilio)).await.expect(200);
}

#[tokio::test]
async fn the_fallback_is_tried_once_and_its_success_hides_the_failure() {
    for failure in FAILURES.into_iter().chain([Mood::Hanging]) {
        let twilio = Twilio::start().await;
        let service = service(&twilio, &[("SMS_FALLBACK", "inbox")]).await;
        let client = service.client();
        twilio.set(failure);
        let started = ask(&client, "register", PHONE).await.expect(200);
        assert_eq!(twilio.sent().len(), 1, "{failure:?}");
        let inbox = service.inbox().await;
        assert_eq!(inbox.len(), 1, "{failure:?}");
        assert_eq!(inbox[0]["body"], *twilio.sent()[0].form["Body"], "the same message");
        let code = client.last_code(PHONE).await;
        let _ = client.confirm("register", &id_of(&started), &code).await.expect(200);
    }
}

#[tokio::test]
async fn each_country_has_its_route_and_its_counters() {
    let twilio = Twilio::start().await;
    let mut variables: HashMap<_, _> = twilio.variables().into_iter().collect();
    variables.remove("SMS_SENDER");
    variables.insert("SMS_ROUTES", "GB=twilio, CA=twilio, *=inbox");
    variables.insert("SMS_FALLBACK", "inbox");
    let service = Service::with(&variables.into_iter().collect::<Vec<_>>()).await;
    let client = service.client();
    // Canada and the United States have one calling code.
    let (french, british, canadian, american) =
        (PHONE, "+447400123456", "+14165550123", "+12015550123");
    for phone in [french, british, canadian, american] {
        let _ = ask(&client, "register", phone).await.expect(200);
    }
    let by_twilio: Vec<_> = twilio.sent().iter().map(|sent| sent.form["To"].clone()).collect();
    assert_eq!(by_twilio, [british, canadian]);
    let inbox: BTreeSet<_> =
        service.inbox().await.iter().map(|m| m["to"].as_str().unwrap().to_owned()).collect();
    assert_eq!(inbox, [american, french].map(str::to_owned).into());

    // A resend has the same route; when it fails, the counter shows who sent in its place.
    twilio.set(Mood::Refusing(500));
    let _ = ask(&client, "register", canadian).await.expect(200);
    twilio.set(Mood::Taking);
    service.advance(Duration::from_mins(1));
    let id = id_of(&ask(&client, "register", british).await.expect(200));
    service.advance(Duration::from_mins(1));
    let _ = resend(&client, &id).await.expect(200);
    assert_eq!(twilio.sent().len(), 5);
    // Confirmed twice, and counted once.
    for _ in 0..2 {
        let _ = client.confirm("register", &id, &code(&twilio)).await.expect(200);
    }
    let metrics = String::from_utf8(client.get("/metrics").await.expect(200).body).unwrap();
    for (route, sender, count) in
        [("*", "inbox", 2), ("GB", "twilio", 3), ("CA", "twilio", 1), ("CA", "inbox", 1)]
    {
        let line = format!(r#"auth_codes_sent_total{{route="{route}",sender="{sender}"}} {count}"#);
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    let confirmed: Vec<_> =
        metrics.lines().filter(|line| line.starts_with("auth_codes_confirmed_total")).collect();
    assert_eq!(confirmed, [r#"auth_codes_confirmed_total{route="GB"} 1"#]);
}

#[tokio::test]
async fn the_fallback_rests_while_the_first_sender_works() {
    let twilio = Twilio::start().await;
    let service = service(&twilio, &[("SMS_FALLBACK", "inbox")]).await;
    let id = id_of(&ask(&service.client(), "register", PHONE).await.expect(200));
    service.advance(Duration::from_secs(30));
    let _ = resend(&service.client(), &id).await.expect(200);
    assert_eq!(twilio.sent().len(), 2);
    assert!(service.inbox().await.is_empty());
}

#[tokio::test]
async fn when_the_fallback_fails_too_the_failure_is_told_and_nobody_tries_again() {
    for failure in [Mood::Refusing(500), Mood::Dropping] {
        let twilio = Twilio::start().await;
        let service = service(&twilio, &[("SMS_FALLBACK", "twilio")]).await;
        twilio.set(failure);
        failed(ask(&service.client(), "register", PHONE).await, &twilio);
        assert_eq!(twilio.sent().len(), 2, "{failure:?}: the first and the fallback");
        assert!(keys(&service, "verification:*").await.is_empty(), "{failure:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_sends_nothing() {
    let twilio = Twilio::start().await;
    let service = service(&twilio, &[("SMS_FALLBACK", "inbox")]).await;
    let client = service.client();
    ask(&client, "register", "nonsense").await.refused(400, "validation_failed");
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    resend(&client, &id).await.refused(429, "resend_too_early");
    for _ in 0..4 {
        let _ = ask(&client, "login", PHONE).await.expect(200);
    }
    ask(&client, "login", PHONE).await.refused(429, "rate_limited");
    assert_eq!(twilio.sent().len(), 5);
    assert!(service.inbox().await.is_empty());
}

//! What must hold over every kind of Redis: the journey, the races, the limits, the breaker
//! and the drain defence.

use crate::qr::{KINDS, approved, enable_second_factor, is_alive};
use crate::verify::{address, ask, count, id_of, phone, resend, status, wrong_codes};
use serde_json::json;
use shared::relay::hourly::enter_hourly_events;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::race::together;
use tests::{Keys, Service, Session};

const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";

/// From the first code to the last logout.
pub async fn journey(service: &Service) {
    let client = service.client();
    let (id, code) = client.start("register", ALICE).await;
    let wrong = wrong_codes(&code).next().unwrap();
    let reply = client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
    assert_eq!(reply.json()["attemptsLeft"], 4);
    service.advance(Duration::from_secs(30));
    let _ = resend(&client, &id).await.expect(200);
    let code = client.last_code(ALICE).await;
    for _ in 0..2 {
        let _ = client.confirm("register", &id, &code).await.expect(200);
    }
    let state = status(&client, &id).await.expect(200).json();
    assert_eq!((&state["verified"], &state["attemptsLeft"]), (&true.into(), &4.into()));
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let first = client.post("/auth/v1/register", body).await.expect(201);
    let first = tests::Session::from_reply(&first);
    status(&client, &id).await.refused(404, "verification_not_found");

    service.advance(Duration::from_mins(1));
    let second = client.log_in(ALICE, "phone-2").await;
    for session in [&first, &second] {
        let _ = client.ws_token(&session.access).await.expect(200);
    }
    let _ = client.refresh(&first.refresh).await.expect(200);
    let bearer = client.clone().bearer(&second.access);
    let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
    client.ws_token(&second.access).await.refused(401, "session_ended");
    let _ = client.ws_token(&first.access).await.expect(200);
    let bearer = client.clone().bearer(&first.access);
    let _ = bearer.post("/auth/v1/logout/all", json!({})).await.expect(204);
    client.ws_token(&first.access).await.refused(401, "session_ended");
    // Of IPv6, three networks are counted at once.
    let wide = service.client_at("2001:db8:1:2::3".parse().unwrap());
    let reply = ask(&wide, "register", BOB).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), Some("9"));
    let _ = client.get("/metrics").await.expect(200);
    let ready = client.get("/auth/v1/health/ready").await.expect(200).json();
    assert_eq!(ready["redis"], "up");
}

/// For [`shipped_client`].
pub const LEGACY: [(&str, &str); 1] = [("LEGACY_CLIENTS", "true")];

/// A shipped client goes on with its first id.
pub async fn shipped_client(service: &Service) {
    let client = service.client();
    let first = id_of(&ask(&client, "register", ALICE).await.expect(200));
    let second = id_of(&ask(&client, "register", ALICE).await.expect(200));
    let code = client.last_code(ALICE).await;
    for id in [first, second] {
        let _ = client.confirm("register", &id, &code).await.expect(200);
    }
}

/// What is counted is counted exactly, however many come at once.
pub async fn races(service: &Service) {
    let client = service.client();
    let (id, code) = client.start("register", ALICE).await;
    let guesses = (0..60).zip(wrong_codes(&code)).map(|(n, guess)| {
        let (client, id) = (service.client_at(address(n)), id.clone());
        async move { client.confirm("register", &id, &guess).await }
    });
    let replies = together(guesses).await;
    let left: BTreeSet<_> = replies
        .iter()
        .filter(|reply| reply.status == 400)
        .map(|reply| reply.json()["attemptsLeft"].as_u64().unwrap())
        .collect();
    assert_eq!(left, BTreeSet::from([0, 1, 2, 3, 4]));
    assert_eq!((count(&replies, 400), count(&replies, 429)), (5, 55));

    let requests = (0..40).map(|n| {
        let client = service.client_at(address(100 + n));
        async move { ask(&client, "register", BOB).await }
    });
    let replies = together(requests).await;
    assert_eq!((count(&replies, 200), count(&replies, 429)), (5, 35));
    let sent = service.inbox().await;
    assert_eq!(sent.iter().filter(|message| message["to"] == BOB).count(), 5);

    let requests = (0..40).map(|n| {
        let client = service.client_at(address(999));
        async move { ask(&client, "register", &phone(n)).await }
    });
    let replies = together(requests).await;
    assert_eq!((count(&replies, 200), count(&replies, 429)), (10, 30));
}

/// For [`limits`]: of each, four fifths, which is 8 and 11.
pub const BUDGETS: [(&str, &str); 2] =
    [("SMS_BUDGET_PER_COUNTRY", "10"), ("SMS_BUDGET_GLOBAL", "13")];

/// A refusal takes nothing of any other limit.
pub async fn limits(service: &Service) {
    const BRITISH: [&str; 4] = ["+447400123456", "+447400123457", "+447400123458", "+447400123459"];
    let from = |n| service.client_at(address(n));
    for n in 0..5 {
        let _ = ask(&from(n), "register", ALICE).await.expect(200);
    }
    // The number refuses: the budgets stay as they were.
    for n in 5..25 {
        ask(&from(n), "login", ALICE).await.refused(429, "rate_limited");
    }
    for n in 25..28 {
        let _ = ask(&from(n), "register", &phone(n)).await.expect(200);
    }
    // The country refuses: neither the number nor the budget of all is taken.
    for n in 28..48 {
        ask(&from(n), "register", BOB).await.refused(429, "sms_paused");
    }
    for (n, phone) in (48..).zip(&BRITISH[..3]) {
        let _ = ask(&from(n), "register", phone).await.expect(200);
    }
    // The budget of all refuses: the country's is not taken.
    for n in 51..71 {
        ask(&from(n), "register", BRITISH[3]).await.refused(429, "sms_paused");
    }
    service.advance(Duration::from_hours(2));
    for n in 71..76 {
        let _ = ask(&from(n), "register", BOB).await.expect(200);
    }
    assert_eq!(service.inbox().await.len(), 16);
    // Of each limit what is left is shown for the address alone.
    let reply = ask(&from(80), "login", BRITISH[0]).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), Some("9"));
}

/// Confirmations are reported to the breaker of the country.
pub async fn breaker(service: &Service) {
    let french = |block: u16, n: u16| format!("+336{:04}{n:04}", 1000 + block);
    for n in 0..60 {
        let client = service.client_at(address(n));
        let (id, code) = client.start("register", &french(n, 0)).await;
        if n % 4 == 0 {
            let _ = client.confirm("register", &id, &code).await.expect(200);
        }
    }
    service.advance(Duration::from_mins(2));
    // A quarter was confirmed.
    let _ = ask(&service.client_at(address(100)), "register", &french(100, 0)).await.expect(200);
    for n in 101..140 {
        let _ = ask(&service.client_at(address(n)), "register", &french(n, 0)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
    let refused = ask(&service.client_at(address(200)), "register", &french(200, 0)).await;
    let _ = refused.refused(429, "sms_paused");
    let british = ask(&service.client_at(address(201)), "register", "+447400123456").await;
    let _ = british.expect(200);
}

/// One caller gets ten one-time keys of a target, also when asking for several at once.
pub async fn drain(service: &Service) {
    let bundle = |n| Keys::new().bundle(1..n, 1..n);
    let bob = service.client().sign_up_with(BOB, bundle(30)).await;
    let alice = service.client().sign_up_with(ALICE, bundle(2)).await;
    let alice = service.client().bearer(&alice.access);
    let path = format!("/auth/v1/signal/keys/{}/bundles", bob.user);
    let requests = (0..25).map(|_| {
        let (client, path) = (alice.clone(), path.clone());
        async move { client.get(&path).await }
    });
    let replies = together(requests).await;
    assert_eq!(count(&replies, 200), 25);
    let with_key = |reply: &tests::Reply| !reply.json()["devices"][0]["preKey"].is_null();
    assert_eq!(replies.iter().filter(|reply| with_key(reply)).count(), 10);
    let several = json!({ "userIds": [bob.user] });
    let reply = alice.post("/auth/v1/signal/keys/bundles", several).await.expect(200).json();
    assert!(reply["users"][0]["devices"][0]["preKey"].is_null());
}

/// A known device passes what stops strangers.
pub async fn tiers(service: &Service) {
    let client = service.client();
    let session = client.sign_up(ALICE).await;
    for n in 0..4 {
        let _ = ask(&service.client_at(address(n)), "login", ALICE).await.expect(200);
    }
    ask(&service.client_at(address(5)), "login", ALICE).await.refused(429, "rate_limited");
    let body = json!({ "phoneNumber": ALICE, "previousToken": session.refresh });
    let reply = client.post("/auth/v1/verify/login/request", body).await.expect(200);
    let code = client.last_code(ALICE).await;
    let _ = client.confirm("login", &id_of(&reply), &code).await.expect(200);
}

/// Devices are let in by QR code, both ways, a second factor refuses, and what was refused is entered
/// in the trail by the hour.
pub async fn devices(service: &Service) {
    let mut phone = service.client().sign_up(ALICE).await;
    for kind in KINDS {
        let waiting = approved(kind, service, &phone).await;
        let polls = (0..20).map(|n| {
            let (client, waiting) = (service.client_at(address(n)), waiting.clone());
            async move { waiting.poll(&client).await }
        });
        let replies = together(polls).await;
        let sessions: BTreeSet<_> = replies
            .iter()
            .filter(|reply| reply.status == 200)
            .map(|reply| Session::from_reply(reply).id())
            .collect();
        assert_eq!(sessions.len(), 1, "{kind:?}");
        let let_in = replies.iter().find(|reply| reply.status == 200).unwrap();
        assert!(is_alive(service, &Session::from_reply(let_in)).await);
    }
    let app = enable_second_factor(service, &phone).await;
    phone = Session::from_reply(&service.client().refresh(&phone.refresh).await.expect(200));
    let client = service.client().bearer(&phone.access);
    let right = app.at(service.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let verify =
        async |code: &str| client.post("/auth/v1/2fa/verify", json!({ "token": code })).await;
    let refused = verify(wrong).await.expect(200).json();
    assert_eq!(refused["valid"], false);
    assert_eq!(verify(&right).await.expect(200).json()["valid"], true);
    service.advance(Duration::from_hours(2));
    let core = &service.state.core;
    assert_eq!(enter_hourly_events(core, service.now(), Duration::MAX).await.unwrap(), 1);
    assert_eq!(enter_hourly_events(core, service.now(), Duration::MAX).await.unwrap(), 0);
}

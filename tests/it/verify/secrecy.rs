//! What nobody learns: whether a number has an account, and numbers and codes from Redis.

use super::{
    OTHER_PHONE, PHONE, address, anonymous, ask, id_of, keys, resend, status, wrong_code,
    wrong_codes,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tests::{Client, Reply, Service};

/// Round trips to Postgres and Redis and messages sent, so far.
async fn work(service: &Service) -> (u64, u64, usize) {
    // Looking into the inbox is a round trip of its own: done before counting.
    let sent = service.inbox().await.len();
    (service.state.core.store.round_trips(), service.state.core.cache.round_trips(), sent)
}

/// An answer, and what it took: Postgres, Redis (this look included), messages.
async fn measured(
    service: &Service,
    request: impl Future<Output = Reply>,
) -> (Reply, (u64, u64, usize)) {
    let before = work(service).await;
    let reply = request.await;
    let after = work(service).await;
    (reply, (after.0 - before.0, after.1 - before.1, after.2 - before.2))
}

/// Asks for a code, for another, for the state, and confirms wrongly and rightly. Gives
/// each answer without its ids, with the work it took.
async fn walk(client: &Client, purpose: &str, phone: &str) -> Vec<String> {
    let service = &client.service;
    let mut walked = Vec::new();
    let mut note = |step: &str, (reply, work): (Reply, (u64, u64, usize))| {
        walked.push(format!("{step}: {:?}, {work:?}", anonymous(&reply)));
        reply
    };
    let reply = note("request", measured(service, ask(client, purpose, phone)).await);
    let id = id_of(&reply);
    service.advance(Duration::from_secs(30));
    note("resend", measured(service, resend(client, &id)).await);
    note("early resend", measured(service, resend(client, &id)).await);
    note("status", measured(service, status(client, &id)).await);
    let code = client.last_code(phone).await;
    let wrong = wrong_code(&code);
    note("wrong code", measured(service, client.confirm(purpose, &id, &wrong)).await);
    let other = if purpose == "login" { "register" } else { "login" };
    note("misfit", measured(service, client.confirm(other, &id, &code)).await);
    note("right code", measured(service, client.confirm(purpose, &id, &code)).await);
    note("again", measured(service, client.confirm(purpose, &id, &code)).await);
    note("late resend", measured(service, resend(client, &id)).await);
    note("verified", measured(service, status(client, &id)).await);
    walked
}

#[tokio::test]
async fn known_and_unknown_numbers_are_answered_alike_with_the_same_work() {
    let service = Service::start().await;
    let _ = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_mins(1));
    // Once before, so that scripts are known and connections open.
    let _ = walk(&service.client_at(address(0)), "register", &super::phone(1)).await;

    for (n, purpose) in [(10, "register"), (20, "login")] {
        let known = walk(&service.client_at(address(n)), purpose, PHONE).await;
        let unknown = walk(&service.client_at(address(n + 1)), purpose, OTHER_PHONE).await;
        assert_eq!(known, unknown);
        // The address, one look-up, one script, one message (and the look into the inbox).
        assert!(known[0].starts_with("request: (200, "), "{}", known[0]);
        assert!(known[0].ends_with(", (1, 4, 1)"), "{}", known[0]);
        // A resend reads the record first, to know its limits.
        assert!(known[1].ends_with(", (0, 5, 1)"), "{}", known[1]);
        assert!(known[4].ends_with(", (0, 3, 0)"), "{}", known[4]);
    }
}

#[tokio::test]
async fn known_and_unknown_numbers_are_limited_alike() {
    let service = Service::start().await;
    let _ = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_mins(1));
    let mut told = Vec::new();
    for (n, phone) in [(0, PHONE), (100, OTHER_PHONE)] {
        let mut answers = Vec::new();
        for n in n..n + 7 {
            answers.push(anonymous(&ask(&service.client_at(address(n)), "login", phone).await));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].iter().map(|answer| answer.0).collect::<Vec<_>>()[4..], [200, 429, 429]);
}

#[tokio::test]
async fn a_proved_number_is_told_the_truth() {
    let service = Service::start().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    let id = client.verified("register", PHONE).await;
    let body = json!({ "verificationId": id });
    client.post("/auth/v1/register", body).await.refused(409, "account_exists");
    let id = client.verified("login", OTHER_PHONE).await;
    let body = json!({ "verificationId": id });
    client.post("/auth/v1/login", body).await.refused(404, "account_not_found");
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
}

/// Every value in Redis but the inbox, by its key.
async fn redis_values(service: &Service) -> BTreeMap<String, String> {
    let mut redis = service.redis().await;
    let mut all = BTreeMap::new();
    for key in keys(service, "*").await {
        let mut kind = redis::cmd("TYPE");
        let kind: String = kind.arg(&key).query_async(&mut redis).await.unwrap();
        let value = match &*kind {
            "string" => redis::cmd("GET").arg(&key).query_async(&mut redis).await,
            "hash" => {
                let fields: Result<BTreeMap<String, String>, _> =
                    redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await;
                fields.map(|fields| format!("{fields:?}"))
            }
            "zset" => {
                let members: Result<Vec<String>, _> =
                    redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).query_async(&mut redis).await;
                members.map(|members| format!("{members:?}"))
            }
            "list" if key == "inbox" => continue,
            other => panic!("an unknown kind of value: {other} {key}"),
        };
        all.insert(key, value.unwrap());
    }
    all
}

#[tokio::test]
async fn redis_holds_no_number_no_code_and_no_device() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let body = json!({ "phoneNumber": OTHER_PHONE, "deviceId": "my-own-device",
        "previousToken": session.refresh });
    let reply = client.post("/auth/v1/verify/login/request", body.clone()).await.expect(200);
    let _ = client.post("/auth/v1/verify/register/request", body).await.expect(200);
    service.advance(Duration::from_secs(30));
    let body = json!({ "deviceId": "my-own-device" });
    let path = format!("/auth/v1/verify/{}/resend", id_of(&reply));
    let _ = client.post(&path, body).await.expect(200);
    let _ = client.verified("login", PHONE).await;
    // What is counted travels to Redis with a later request.
    service.advance(Duration::from_secs(10));
    let _ = status(&client, &id_of(&reply)).await.expect(200);

    let values = redis_values(&service).await;
    for kind in ["verification:", "rate_limit:phone_minute:", "rate_limit:send_address:", "metrics"]
    {
        assert!(values.keys().any(|key| key.starts_with(kind)), "no {kind} in {values:?}");
    }
    let codes: Vec<_> = service.inbox().await;
    let codes: Vec<_> = codes.iter().map(|message| message["code"].as_str().unwrap()).collect();
    assert_eq!(codes.len(), 5);
    for (key, value) in &values {
        for phone in [PHONE, OTHER_PHONE] {
            // The national part alone would be enough.
            let digits = &phone[3..];
            assert!(!key.contains(digits) && !value.contains(digits), "{key}: {value}");
        }
        assert!(!value.contains("my-own-device"), "{key}: {value}");
        assert!(!value.contains(&session.refresh), "{key}: {value}");
        let mut numbers = value.split(|c: char| !c.is_ascii_digit());
        assert!(!numbers.any(|number| codes.contains(&number)), "{key}: {value}");
    }
}

#[tokio::test]
async fn every_key_in_redis_has_an_end() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let _ = client.ws_token(&session.access).await.expect(200);
    service.advance(Duration::from_secs(10));
    let id = id_of(&ask(&client, "login", PHONE).await.expect(200));
    service.advance(Duration::from_secs(30));
    let _ = resend(&client, &id).await.expect(200);
    // Wrong, and compared: it reaches Redis, and leaves a trace there.
    let wrong = wrong_codes(&client.last_code(PHONE).await).next().expect("a code");
    client.confirm("login", &id, &wrong).await.refused(400, "code_incorrect");
    let mut redis = service.redis().await;
    let keys = keys(&service, "*").await;
    assert!(keys.len() > 6, "{keys:?}");
    for key in keys {
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
        assert!(left > 0, "{key} stays for ever");
    }
}

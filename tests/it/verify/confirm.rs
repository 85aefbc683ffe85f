//! Confirming: how long things live, how wrong codes count, and what does not fit.

use super::{
    PHONE, SHORT, address, anonymous, id_of, just_before, keys, record_key, resend, status,
    wrong_code, wrong_codes,
};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Client, Service};

const UNKNOWN: &str = "5f0c6b0e-8a43-4f0f-9f57-1f8b8f3f3f3f";

async fn register(client: &Client, id: &str) -> tests::Reply {
    client.post("/auth/v1/register", json!({ "verificationId": id })).await
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let service = Service::start().await;
    let client = service.client();
    let (in_time, code_in_time) = client.start("register", PHONE).await;
    service.advance(SHORT);
    let (late, code_late) = client.start("register", PHONE).await;

    service.advance(just_before(just_before(Duration::from_mins(10))));
    assert_eq!(status(&client, &late).await.json()["expiresIn"], 1);
    let _ = client.confirm("register", &in_time, &code_in_time).await.expect(200);
    service.advance(SHORT);
    let _ = status(&client, &late).await.expect(200);
    service.advance(SHORT);
    assert_eq!(status(&client, &late).await.json()["expiresIn"], 0);
    // Right and wrong codes are told alike, and neither counts.
    for code in [&code_late, &wrong_code(&code_late)] {
        client.confirm("register", &late, code).await.refused(400, "code_expired");
    }
    assert_eq!(status(&client, &late).await.json()["attemptsLeft"], 5);
    register(&client, &late).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn a_record_ends_fifteen_minutes_after_its_request_whatever_is_resent() {
    let service = Service::start().await;
    let client = service.client();
    let (id, _) = client.start("register", PHONE).await;
    service.advance(Duration::from_mins(14));
    let resent = resend(&client, &id).await.expect(200).json();
    assert_eq!(resent["expiresIn"], 60, "the code ends with the record");
    let code = client.last_code(PHONE).await;

    service.advance(just_before(Duration::from_mins(1)));
    assert_eq!(status(&client, &id).await.expect(200).json()["expiresIn"], 1);
    service.advance(SHORT);
    status(&client, &id).await.refused(404, "verification_not_found");
    client.confirm("register", &id, &code).await.refused(400, "verification_invalid");
    resend(&client, &id).await.refused(400, "verification_invalid");
    assert_eq!(service.inbox().await.len(), 2);
}

#[tokio::test]
async fn a_record_has_a_lifetime_in_redis_too() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    let mut redis = service.redis().await;
    let mut left = async || -> i64 {
        let key = record_key(&id);
        redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap()
    };
    assert!((800_000..=900_000).contains(&left().await));
    let _ = client.confirm("register", &id, &code).await.expect(200);
    assert!((200_000..=300_000).contains(&left().await));
}

#[tokio::test]
async fn a_confirmed_verification_lives_five_more_minutes() {
    let service = Service::start().await;
    let client = service.client();
    let id = client.verified("register", PHONE).await;
    service.advance(just_before(Duration::from_mins(5)));
    let _ = register(&client, &id).await.expect(201);

    let (id, code) = client.start("login", PHONE).await;
    let _ = client.confirm("login", &id, &code).await.expect(200);
    service.advance(Duration::from_mins(4));
    let _ = client.confirm("login", &id, &code).await.expect(200);
    service.advance(Duration::from_mins(1));
    // Confirming again has not prolonged it.
    client.confirm("login", &id, &code).await.refused(400, "verification_invalid");
    status(&client, &id).await.refused(404, "verification_not_found");
    let login = json!({ "verificationId": id });
    client.post("/auth/v1/login", login).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn a_code_confirmed_in_the_last_moment_gets_its_five_minutes() {
    let service = Service::start().await;
    let client = service.client();
    let (id, _) = client.start("register", PHONE).await;
    service.advance(Duration::from_mins(14));
    let _ = resend(&client, &id).await.expect(200);
    service.advance(just_before(Duration::from_mins(1)));
    let code = client.last_code(PHONE).await;
    let _ = client.confirm("register", &id, &code).await.expect(200);
    service.advance(just_before(Duration::from_mins(5)));
    let _ = register(&client, &id).await.expect(201);
}

#[tokio::test]
async fn the_fifth_wrong_code_is_the_last_that_is_looked_at() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    let mut wrong = wrong_codes(&code);
    for left in (0..5).rev() {
        let wrong = wrong.next().unwrap();
        let reply = client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
        assert_eq!(reply.json()["attemptsLeft"], left);
        assert_eq!(status(&client, &id).await.json()["attemptsLeft"], left);
    }
    service.advance(Duration::from_mins(1));
    for code in [wrong.next().unwrap(), code.clone()] {
        let reply = client.confirm("register", &id, &code).await.refused(429, "too_many_attempts");
        assert_eq!(reply.header("retry-after"), Some("1"), "a new verification works at once");
    }
    let state = status(&client, &id).await.expect(200).json();
    assert_eq!((&state["verified"], &state["attemptsLeft"]), (&false.into(), &0.into()));
    // Another code does not help, and is not sent.
    resend(&client, &id).await.refused(429, "too_many_attempts");
    assert_eq!(service.inbox().await.len(), 1);
    register(&client, &id).await.refused(400, "verification_invalid");
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 0);

    service.advance(Duration::from_mins(14));
    client.confirm("register", &id, &code).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn the_right_code_counts_after_four_wrong_ones() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    for wrong in wrong_codes(&code).take(4) {
        client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
    }
    let _ = client.confirm("register", &id, &code).await.expect(200);
    let _ = register(&client, &id).await.expect(201);
}

#[tokio::test]
async fn confirming_again_is_answered_as_the_first_time() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("login", PHONE).await;
    for _ in 0..7 {
        let reply = client.confirm("login", &id, &code).await.expect(200);
        assert_eq!(reply.json(), json!({ "verified": true, "requires2FA": false }));
    }
    client.confirm("login", &id, &wrong_code(&code)).await.refused(400, "code_incorrect");
    assert_eq!(status(&client, &id).await.json()["verified"], true);
}

#[tokio::test]
async fn a_used_verification_is_gone() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    let _ = client.confirm("register", &id, &code).await.expect(200);
    let _ = register(&client, &id).await.expect(201);
    client.confirm("register", &id, &code).await.refused(400, "verification_invalid");
    resend(&client, &id).await.refused(400, "verification_invalid");
    status(&client, &id).await.refused(404, "verification_not_found");
    register(&client, &id).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn whatever_does_not_fit_is_answered_alike() {
    let service = Service::start().await;
    let start = async |n: u16, device: Value| {
        let client = service.client_at(address(n));
        let body = json!({ "phoneNumber": PHONE, "deviceId": device });
        let reply = client.post("/auth/v1/verify/register/request", body).await.expect(200);
        (id_of(&reply), client.last_code(PHONE).await)
    };
    let (expired, expired_code) = start(0, Value::Null).await;
    service.advance(Duration::from_mins(15));
    let (id, code) = start(1, json!("phone-1")).await;

    let confirm = |purpose: &str, id: &str, code: &str, device: Value| {
        let path = format!("/auth/v1/verify/{purpose}/confirm");
        (path, json!({ "verificationId": id, "code": code, "deviceId": device }))
    };
    let misfits = [
        confirm("login", &id, &code, json!("phone-1")),
        confirm("login", &id, &wrong_code(&code), json!("phone-1")),
        confirm("register", &id, &code, json!("phone-2")),
        confirm("register", &id, &wrong_code(&code), json!("phone-2")),
        confirm("register", &id, &code, Value::Null),
        confirm("register", UNKNOWN, &code, Value::Null),
        confirm("register", &expired, &expired_code, Value::Null),
    ];
    let mut answers = Vec::new();
    for (n, (path, body)) in (10..).zip(misfits) {
        let reply = service.client_at(address(n)).post(&path, body).await;
        answers.push(anonymous(&reply.refused(400, "verification_invalid")));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:#?}");
    let state = status(&service.client(), &id).await.expect(200).json();
    assert_eq!((&state["attemptsLeft"], &state["verified"]), (&5.into(), &false.into()));
}

#[tokio::test]
async fn a_device_that_asked_must_be_the_one_that_goes_on() {
    let service = Service::start().await;
    let client = service.client();
    let other_devices = [json!("phone-2"), Value::Null];
    for (purpose, status) in [("register", 201), ("login", 200)] {
        let body = json!({ "phoneNumber": PHONE, "deviceId": "phone-1" });
        let path = format!("/auth/v1/verify/{purpose}/request");
        let id = id_of(&client.post(&path, body).await.expect(200));
        service.advance(Duration::from_mins(2));
        let resend_path = format!("/auth/v1/verify/{id}/resend");
        let sent = service.inbox().await.len();
        for device in &other_devices {
            let reply = client.post(&resend_path, json!({ "deviceId": device })).await;
            reply.refused(400, "verification_invalid");
        }
        assert_eq!(service.inbox().await.len(), sent);
        let _ = client.post(&resend_path, json!({ "deviceId": "phone-1" })).await.expect(200);

        let code = client.last_code(PHONE).await;
        let path = format!("/auth/v1/verify/{purpose}/confirm");
        for device in &other_devices {
            let body = json!({ "verificationId": id, "code": code, "deviceId": device });
            client.post(&path, body).await.refused(400, "verification_invalid");
        }
        let body = json!({ "verificationId": id, "code": code, "deviceId": "phone-1" });
        let _ = client.post(&path, body).await.expect(200);

        let path = format!("/auth/v1/{purpose}");
        for device in &other_devices {
            let body = json!({ "verificationId": id, "deviceId": device });
            client.post(&path, body).await.refused(400, "verification_invalid");
        }
        let body = json!({ "verificationId": id, "deviceId": "phone-1" });
        let _ = client.post(&path, body).await.expect(status);
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 1);
}

#[tokio::test]
async fn a_device_may_name_itself_by_its_installation_id() {
    let service = Service::start().await;
    let client = service.client();
    let body = json!({ "phoneNumber": PHONE, "installationId": "phone-1", "deviceId": "ignored" });
    let id = id_of(&client.post("/auth/v1/verify/register/request", body).await.expect(200));
    service.advance(Duration::from_mins(2));
    let resend_path = format!("/auth/v1/verify/{id}/resend");
    let ignored = client.post(&resend_path, json!({ "deviceId": "ignored" })).await;
    ignored.refused(400, "verification_invalid");
    let _ = client.post(&resend_path, json!({ "installationId": "phone-1" })).await.expect(200);
    let code = client.last_code(PHONE).await;
    let body = json!({ "verificationId": id, "code": code, "installationId": "phone-1" });
    let _ = client.post("/auth/v1/verify/register/confirm", body).await.expect(200);
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let answer = client.post("/auth/v1/register", body).await.expect(201).json();
    assert_eq!(answer["installationId"], "phone-1");
}

#[tokio::test]
async fn a_verification_asked_for_without_a_device_is_bound_to_none() {
    let service = Service::start().await;
    let client = service.client();
    let (id, _) = client.start("register", PHONE).await;
    service.advance(Duration::from_mins(1));
    let path = format!("/auth/v1/verify/{id}/resend");
    let _ = client.post(&path, json!({ "deviceId": "phone-1" })).await.expect(200);
    let code = client.last_code(PHONE).await;
    let body = json!({ "verificationId": id, "code": code, "deviceId": "phone-2" });
    let _ = client.post("/auth/v1/verify/register/confirm", body).await.expect(200);
    let body = json!({ "verificationId": id, "deviceId": "phone-3" });
    let _ = client.post("/auth/v1/register", body).await.expect(201);
}

#[tokio::test]
async fn a_verification_serves_its_own_purpose_alone() {
    let service = Service::start().await;
    let client = service.client();
    let id = client.verified("login", PHONE).await;
    register(&client, &id).await.refused(400, "verification_invalid");
    let login = json!({ "verificationId": id });
    client.post("/auth/v1/login", login).await.refused(404, "account_not_found");
    let id = client.verified("register", PHONE).await;
    let login = json!({ "verificationId": id });
    client.post("/auth/v1/login", login).await.refused(400, "verification_invalid");
    let _ = register(&client, &id).await.expect(201);
}

#[tokio::test]
async fn verifications_of_one_phone_are_independent() {
    let service = Service::start().await;
    let (owner, stranger) = (service.client(), service.client_at(address(1)));
    let (mine, my_code) = owner.start("register", PHONE).await;
    let (theirs, their_code) = stranger.start("register", PHONE).await;
    let (third, third_code) = stranger.start("login", PHONE).await;
    assert_eq!(keys(&service, "verification:*").await.len(), 3);
    assert_ne!(my_code, their_code);

    owner.confirm("register", &mine, &their_code).await.refused(400, "code_incorrect");
    for wrong in wrong_codes(&their_code).take(5) {
        stranger.confirm("register", &theirs, &wrong).await.refused(400, "code_incorrect");
    }
    stranger.confirm("register", &theirs, &their_code).await.refused(429, "too_many_attempts");
    service.advance(Duration::from_mins(1));
    let _ = resend(&stranger, &third).await.expect(200);

    assert_eq!(status(&owner, &mine).await.json()["attemptsLeft"], 4);
    let _ = owner.confirm("register", &mine, &my_code).await.expect(200);
    stranger.confirm("login", &third, &third_code).await.refused(400, "code_incorrect");
    let _ = register(&owner, &mine).await.expect(201);
}

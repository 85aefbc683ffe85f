//! Register and login (section 3): what they take, what they answer, what they write, and
//! what they refuse without a trace.

mod devices;
mod kills;
mod races;
mod records;

use serde_json::{Value, json};
use std::time::Duration;
use tests::{Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33687654321";
/// Limits are not what is tested here.
const UNLIMITED: [(&str, &str); 1] = [("RATE_LIMITS", "off")];

async fn unlimited() -> Service {
    Service::with(&UNLIMITED).await
}

async fn register(client: &Client, body: Value) -> Reply {
    client.post("/auth/v1/register", body).await
}

async fn log_in(client: &Client, body: Value) -> Reply {
    client.post("/auth/v1/login", body).await
}

/// How many rows there are of everything that a log-in writes.
async fn written(service: &Service) -> i64 {
    let tables = ["users_auth", "devices", "sessions", "login_history", "outbox", "audit_heads"];
    let counts = tables.map(|table| format!("(SELECT count(*) FROM auth.{table})"));
    service.count(&format!("SELECT {}", counts.join(" + "))).await
}

#[tokio::test]
async fn register_and_login_answer_tokens_and_a_real_device() {
    let service = unlimited().await;
    let client = service.client();
    for (purpose, status) in [("register", 201), ("login", 200)] {
        let id = client.verified(purpose, PHONE).await;
        let path = format!("/auth/v1/{purpose}");
        let reply = client.post(&path, json!({ "verificationId": id })).await.expect(status);
        let keys: Vec<_> = reply.json().as_object().unwrap().keys().cloned().collect();
        let expected = [
            "accessToken",
            "deviceId",
            "expiresIn",
            "installationId",
            "refreshExpiresIn",
            "refreshToken",
            "userId",
        ];
        assert_eq!(keys, expected);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let session = Session::from_reply(&reply);
        let real = format!(
            "SELECT count(*) FROM auth.devices d JOIN auth.users_auth u ON u.id = d.user_id
              WHERE d.id = '{}' AND u.id = '{}' AND u.phone_number = '{PHONE}'",
            session.device, session.user
        );
        assert_eq!(service.count(&real).await, 1);
        for token in [&session.access, &session.refresh] {
            let claims = tests::token::claims(token);
            assert_eq!(
                (&claims["sub"], &claims["deviceId"]),
                (&json!(session.user), &json!(session.device))
            );
        }
        let _ = client.ws_token(&session.access).await.expect(200);
    }
}

#[tokio::test]
async fn a_number_that_has_an_account_is_told_so_and_its_verification_stays() {
    let service = unlimited().await;
    let client = service.client();
    let first = client.sign_up(PHONE).await;
    let before = written(&service).await;
    let id = client.verified("register", PHONE).await;
    for _ in 0..2 {
        register(&client, json!({ "verificationId": id })).await.refused(409, "account_exists");
    }
    assert_eq!(written(&service).await, before, "a refusal wrote something");
    let _ = client.ws_token(&first.access).await.expect(200);

    service.sql("DELETE FROM auth.users_auth").await;
    let _ = register(&client, json!({ "verificationId": id })).await.expect(201);
}

#[tokio::test]
async fn a_number_without_an_account_is_told_so_and_its_verification_stays() {
    let service = unlimited().await;
    let client = service.client();
    let id = client.verified("login", PHONE).await;
    for _ in 0..2 {
        log_in(&client, json!({ "verificationId": id })).await.refused(404, "account_not_found");
    }
    assert_eq!(written(&service).await, 0, "a refusal wrote something");

    let account = client.sign_up(PHONE).await;
    let reply = log_in(&client, json!({ "verificationId": id })).await.expect(200);
    assert_eq!(Session::from_reply(&reply).user, account.user);
}

#[tokio::test]
async fn unknown_unconfirmed_and_misused_verifications_are_refused_alike() {
    let service = unlimited().await;
    let client = service.client();
    let _ = client.sign_up(OTHER_PHONE).await;
    let (unconfirmed, _) = client.start("register", PHONE).await;
    let other_purpose = client.verified("login", PHONE).await;
    let unknown = "5f0c5f6e-6d3c-4c5e-9b5a-1f1f1f1f1f1f".to_owned();
    let before = written(&service).await;
    let mut bodies = Vec::new();
    for id in [unconfirmed, other_purpose, unknown] {
        let reply = register(&client, json!({ "verificationId": id })).await;
        let mut body = reply.refused(400, "verification_invalid").json();
        body.as_object_mut().unwrap().remove("requestId");
        bodies.push(body);
    }
    let for_register = client.verified("register", OTHER_PHONE).await;
    log_in(&client, json!({ "verificationId": for_register }))
        .await
        .refused(400, "verification_invalid");
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "they are told apart: {bodies:?}");
    assert_eq!(written(&service).await, before);
}

#[tokio::test]
async fn a_confirmed_verification_lives_five_minutes() {
    let service = unlimited().await;
    let client = service.client();
    let (early, late) =
        (client.verified("register", PHONE).await, client.verified("register", OTHER_PHONE).await);
    service.advance(Duration::from_millis(299_999));
    let _ = register(&client, json!({ "verificationId": early })).await.expect(201);
    service.advance(Duration::from_millis(1));
    register(&client, json!({ "verificationId": late })).await.refused(400, "verification_invalid");
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
}

/// Redis may miss that a verification was used: the transaction that used it decides.
#[tokio::test]
async fn a_used_verification_is_refused_even_where_its_record_survived() {
    let service = unlimited().await;
    let client = service.client();
    let mut redis = service.redis().await;
    for (purpose, status) in [("register", 201), ("login", 200)] {
        let id = client.verified(purpose, PHONE).await;
        let key = crate::verify::record_key(&id);
        let record: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
        let path = format!("/auth/v1/{purpose}");
        let body = json!({ "verificationId": id, "deviceId": "phone-1" });
        let session = Session::from_reply(&client.post(&path, body.clone()).await.expect(status));
        client.post(&path, body.clone()).await.refused(400, "verification_invalid");

        let before = written(&service).await;
        let restore = redis::cmd("RESTORE").arg(&key).arg(60_000).arg(record).to_owned();
        let () = restore.query_async(&mut redis).await.unwrap();
        client.post(&path, body).await.refused(400, "verification_invalid");
        assert_eq!(written(&service).await, before);
        let _ = client.ws_token(&session.access).await.expect(200);
    }
}

/// The number is free again, and Redis has missed that its verification was used.
#[tokio::test]
async fn a_used_verification_makes_no_second_account_where_the_first_is_gone() {
    let service = unlimited().await;
    let client = service.client();
    let mut redis = service.redis().await;
    let id = client.verified("register", PHONE).await;
    let key = crate::verify::record_key(&id);
    let record: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let _ = register(&client, body.clone()).await.expect(201);
    service.sql("DELETE FROM auth.users_auth").await;
    let before = written(&service).await;
    let restore = redis::cmd("RESTORE").arg(&key).arg(60_000).arg(record).to_owned();
    let () = restore.query_async(&mut redis).await.unwrap();
    register(&client, body).await.refused(400, "verification_invalid");
    assert_eq!(written(&service).await, before);
}

#[tokio::test]
async fn a_verification_asked_for_by_a_device_serves_that_device_alone() {
    let service = unlimited().await;
    let client = service.client();
    let request = json!({ "phoneNumber": PHONE, "deviceId": "phone-1" });
    let started = client.post("/auth/v1/verify/register/request", request).await.expect(200);
    let id = started.json()["verificationId"].clone();
    let code = client.last_code(PHONE).await;
    let confirm = json!({ "verificationId": id, "code": code, "deviceId": "phone-1" });
    let _ = client.post("/auth/v1/verify/register/confirm", confirm).await.expect(200);

    for device in [Value::Null, json!("phone-2"), json!("phone-1 "), json!("PHONE-1")] {
        let body = json!({ "verificationId": id, "deviceId": device });
        register(&client, body).await.refused(400, "verification_invalid");
    }
    assert_eq!(written(&service).await, 0);
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let _ = register(&client, body).await.expect(201);
}

#[tokio::test]
async fn an_account_with_a_second_factor_is_not_entered_without_it() {
    let service = unlimited().await;
    let client = service.client();
    let account = client.sign_up(PHONE).await;
    service.sql("UPDATE auth.users_auth SET two_factor_enabled = true").await;
    let state = "SELECT last_authenticated_at, updated_at FROM auth.users_auth";
    let (before, user) = (written(&service).await, service.rows(state).await);
    service.advance(Duration::from_mins(1));

    let id = client.verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    for _ in 0..2 {
        log_in(&client, body.clone()).await.refused(403, "two_factor_required");
    }
    // The first refusal tells the devices, and is an entry of the security log.
    assert_eq!(written(&service).await, before + 2, "a refusal wrote something else");
    assert_eq!(service.rows(state).await, user, "a refusal changed the account");

    service.sql("UPDATE auth.users_auth SET two_factor_enabled = false").await;
    let reply = log_in(&client, body).await.expect(200);
    assert_eq!(Session::from_reply(&reply).user, account.user);
}

//! A store goes down and comes back under a running service: what keeps working, what is
//! refused and how, and that nothing needs a new process. Each test has its own servers.

use super::{PHONE, assert_alive, assert_ended, cache_key, logout, logout_all};
use ::stores::{Options, Postgres, Redis};
use serde_json::json;
use std::time::Duration;
use tests::stores::{self, Stores};
use tests::{Reply, Service};

async fn own_redis() -> (Redis, Stores) {
    stores::own_redis(Options::ephemeral()).await
}

async fn own_postgres() -> (Postgres, Stores) {
    // What it has answered, it must not forget when it crashes.
    let options = Options::ephemeral().arguments(["-c", "synchronous_commit=on"]);
    stores::own_postgres(options).await.expect("Postgres starts")
}

/// Refused for now, and said when to come again.
#[track_caller]
fn unavailable(reply: Reply) {
    let wait = reply.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
    assert!(wait.is_some_and(|wait| wait > 0), "{:?}", reply.headers);
    assert_eq!(reply.json()["retryAfterSeconds"].as_u64(), wait);
    reply.refused(503, "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_sessions_go_on_and_codes_do_not() {
    let (mut redis, stores) = own_redis().await;
    let service = Service::over(stores, &[]).await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let ended = client.log_in(PHONE, "phone-2").await;
    let _ = logout(&client, &ended, json!({})).await.expect(204);
    let unused = client.verified("login", PHONE).await;

    redis.kill();
    assert_alive(&[&service], &session).await;
    assert_ended(&[&service], &ended).await;
    let next = client.refresh(&session.refresh).await.expect(200);
    let request = json!({ "phoneNumber": PHONE });
    for purpose in ["register", "login"] {
        let path = format!("/auth/v1/verify/{purpose}/request");
        unavailable(client.post(&path, request.clone()).await);
        unavailable(client.confirm(purpose, &unused, "123456").await);
        let path = format!("/auth/v1/{purpose}");
        unavailable(client.post(&path, json!({ "verificationId": unused })).await);
    }
    unavailable(client.get(&format!("/auth/v1/verify/{unused}")).await);
    unavailable(client.post(&format!("/auth/v1/verify/{unused}/resend"), json!({})).await);
    assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 2);

    redis.restart().expect("Redis starts again");
    // It has forgotten everything: who is signed in stays so, the rest begins anew.
    let session = tests::Session::from_reply(&next);
    assert_alive(&[&service], &session).await;
    assert_ended(&[&service], &ended).await;
    let body = json!({ "verificationId": unused });
    client.post("/auth/v1/login", body).await.refused(400, "verification_invalid");
    let again = client.log_in(PHONE, "phone-3").await;
    let _ = client.refresh(&again.refresh).await.expect(200);
}

/// The row has ended, Redis could not be told and then comes back, remembering nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_without_redis_ends_the_session() {
    let (mut redis, stores) = own_redis().await;
    let service = Service::over(stores, &[]).await;
    let client = service.client();
    let (one, two) = (client.sign_up(PHONE).await, client.log_in(PHONE, "phone-2").await);
    redis.kill();
    let _ = logout(&client, &one, json!({})).await.expect(204);
    assert_ended(&[&service], &one).await;
    let _ = logout_all(&client, &two).await.expect(204);
    assert_ended(&[&service], &two).await;
    redis.restart().expect("Redis starts again");
    assert_ended(&[&service], &one).await;
    assert_ended(&[&service], &two).await;
}

/// Connections stay open and nobody answers: as hard as a crash, and slower to notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_holds_nobody_up() {
    let (redis, stores) = own_redis().await;
    let service = Service::over(stores, &[]).await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    redis.pause();
    assert_alive(&[&service], &session).await;
    let _ = client.refresh(&session.refresh).await.expect(200);
    let request = json!({ "phoneNumber": PHONE });
    unavailable(client.post("/auth/v1/verify/login/request", request).await);
    redis.resume();
    let again = client.log_in(PHONE, "phone-2").await;
    assert_alive(&[&service], &again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_nothing_is_decided_and_nothing_is_lost() {
    let (mut postgres, stores) = own_postgres().await;
    let service = Service::over(stores.clone(), &[]).await;
    let keys = tests::token::Key::new().as_jwt_keys();
    let legacy = Service::over(stores, &[("LEGACY_CLIENTS", "true"), ("JWT_KEYS", &keys)]).await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let other = legacy.client().log_in(PHONE, "phone-2").await;
    let unused = client.verified("login", PHONE).await;

    postgres.kill();
    // A hot copy is good for its minute.
    assert_alive(&[&service], &session).await;
    unavailable(client.refresh(&session.refresh).await);
    unavailable(logout(&client, &session, json!({})).await);
    unavailable(logout_all(&client, &session).await);
    let body = json!({ "verificationId": unused, "deviceId": "phone-3" });
    unavailable(client.post("/auth/v1/login", body.clone()).await);
    unavailable(
        client.post("/auth/v1/verify/login/request", json!({ "phoneNumber": PHONE })).await,
    );
    let mut redis = service.redis().await;
    let () = redis::AsyncCommands::del(&mut redis, cache_key(&session)).await.unwrap();
    unavailable(client.ws_token(&session.access).await);

    // A shipped app wipes its keys after three server errors on this route alone.
    let reply = legacy.client().refresh(&other.refresh).await;
    assert!(reply.header("retry-after").is_some());
    reply.refused(429, "rate_limited");
    unavailable(logout(&legacy.client(), &other, json!({})).await);

    postgres.restart().expect("Postgres starts again");
    assert_alive(&[&service], &session).await;
    let _ = client.refresh(&session.refresh).await.expect(200);
    let _ = legacy.client().refresh(&other.refresh).await.expect(200);
    let _ = client.post("/auth/v1/login", body).await.expect(200);
    service.advance(Duration::from_mins(1));
    let _ = client.log_in(PHONE, "phone-4").await;
}

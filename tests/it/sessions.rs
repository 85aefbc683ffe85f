//! The end of a session (sections 3 and 4): at once and everywhere, whatever Redis holds,
//! and what an access check costs.

mod outages;

use domain::ids::{SessionId, UserId, VerificationId};
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use shared::cache::session::CachedSessionState;
use shared::limits::{LimitsConfig, RateLimitCheck};
use std::sync::OnceLock;
use std::time::Duration;
use tests::{Client, Reply, Service, Session};
use uuid::Uuid;

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33687654321";

/// The key of its cache entry.
fn cache_key(session: &Session) -> String {
    format!("session:{{{}}}:{}", session.user, session.id())
}

async fn logout(client: &Client, session: &Session, body: Value) -> Reply {
    client.clone().bearer(&session.access).post("/auth/v1/logout", body).await
}

async fn logout_all(client: &Client, session: &Session) -> Reply {
    client.clone().bearer(&session.access).post("/auth/v1/logout/all", json!({})).await
}

/// The ids of the session and of its user.
fn ids(session: &Session) -> (UserId, SessionId) {
    let id = |text: &str| text.parse().expect("an id");
    (UserId::from_uuid(id(&session.user)), SessionId::from_uuid(id(&session.id())))
}

/// Both of its tokens are taken, here and on another sandbox.
async fn assert_alive(sandboxes: &[&Service], session: &Session) {
    for service in sandboxes {
        let _ = service.client().ws_token(&session.access).await.expect(200);
    }
}

/// Neither of its tokens is taken anywhere, and asking again changes nothing.
async fn assert_ended(sandboxes: &[&Service], session: &Session) {
    for _ in 0..2 {
        for service in sandboxes {
            let client = service.client();
            client.ws_token(&session.access).await.refused(401, "session_ended");
            client.refresh(&session.refresh).await.refused(401, "session_ended");
        }
    }
}

/// An account with three devices, and a second sandbox that has seen their sessions.
async fn three_devices() -> (Service, Service, [Session; 3]) {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let sandbox = service.sandbox().await;
    let client = service.client();
    let sessions = [
        client.sign_up(PHONE).await,
        client.log_in(PHONE, "phone-2").await,
        client.log_in(PHONE, "phone-3").await,
    ];
    for session in &sessions {
        assert_alive(&[&service, &sandbox], session).await;
    }
    (service, sandbox, sessions)
}

#[tokio::test]
async fn logout_ends_this_session_for_the_very_next_request() {
    let (service, sandbox, [one, two, three]) = three_devices().await;
    let reply = logout(&service.client(), &one, json!({})).await.expect(204);
    assert!(reply.body.is_empty());
    assert_ended(&[&sandbox, &service], &one).await;
    for other in [&two, &three] {
        assert_alive(&[&service, &sandbox], other).await;
        let _ = sandbox.client().refresh(&other.refresh).await.expect(200);
    }
    logout(&service.client(), &one, json!({})).await.refused(401, "session_ended");
    let ends = "SELECT revoked_for FROM auth.sessions WHERE revoked_at IS NOT NULL";
    assert_eq!(service.rows(ends).await, [json!({ "revoked_for": "logout" })]);
}

#[tokio::test]
async fn an_empty_body_is_a_logout_of_this_device() {
    let (service, _, [one, two, _]) = three_devices().await;
    let request = http::Request::post("/auth/v1/logout").body(axum::body::Body::empty()).unwrap();
    let client = service.client();
    let _ = client.clone().bearer(&one.access).send_request(request).await.expect(204);
    assert_ended(&[&service], &one).await;
    assert_alive(&[&service], &two).await;
}

#[tokio::test]
async fn another_own_device_is_logged_out_by_its_row() {
    let (service, sandbox, [one, two, three]) = three_devices().await;
    let client = service.client();
    for _ in 0..2 {
        // The second time there is nothing left to end.
        let _ = logout(&client, &one, json!({ "deviceId": two.device })).await.expect(204);
    }
    assert_ended(&[&sandbox, &service], &two).await;
    assert_alive(&[&service, &sandbox], &one).await;
    assert_alive(&[&service, &sandbox], &three).await;
    let audited = "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
                    AND payload->>'entry' LIKE '%session_ended%'";
    assert_eq!(service.count(audited).await, 1, "what ended nothing is no event");

    let _ = logout(&client, &one, json!({ "deviceId": one.device })).await.expect(204);
    assert_ended(&[&service, &sandbox], &one).await;
}

#[tokio::test]
async fn a_foreign_and_an_unknown_device_are_refused_alike() {
    let (service, sandbox, [one, ..]) = three_devices().await;
    let client = service.client();
    let foreign = client.sign_up(OTHER_PHONE).await;
    let unknown = "0190a5d0-0000-7000-8000-000000000000";
    let mut bodies = Vec::new();
    for device in [foreign.device.as_str(), unknown] {
        let reply = logout(&client, &one, json!({ "deviceId": device })).await;
        let mut body = reply.refused(403, "device_foreign").json();
        body.as_object_mut().unwrap().remove("requestId");
        bodies.push(body);
    }
    assert_eq!(bodies[0], bodies[1], "the id of a stranger's device is found out");
    logout(&client, &one, json!({ "deviceId": "phone-2" })).await.refused(400, "validation_failed");
    assert_alive(&[&service, &sandbox], &foreign).await;
    assert_alive(&[&service, &sandbox], &one).await;
    let ended = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NOT NULL";
    assert_eq!(service.count(ended).await, 0);
}

/// Whatever ends the session at the same time, and is killed before it writes its tombstone: the very
/// next request is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_beside_another_end_of_the_session_writes_its_tombstone() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    assert_alive(&[&service], &session).await;
    let end = "UPDATE auth.sessions SET revoked_at = created_at, revoked_for = 'replaced'";
    let holder = service.hold(end).await;
    let logging_out = tokio::spawn({
        let (client, session) = (client.clone(), session.clone());
        async move { logout(&client, &session, json!({})).await }
    });
    service.until_waiting(1).await;
    holder.batch_execute("COMMIT").await.unwrap();
    let _ = logging_out.await.unwrap().expect(204);
    assert_ended(&[&service], &session).await;
}

#[tokio::test]
async fn logout_everywhere_ends_every_session_of_the_account_alone() {
    let (service, sandbox, sessions) = three_devices().await;
    let client = service.client();
    let other = client.sign_up(OTHER_PHONE).await;
    let _ = logout_all(&client, &sessions[0]).await.expect(204);
    for session in &sessions {
        assert_ended(&[&sandbox, &service], session).await;
    }
    assert_alive(&[&service, &sandbox], &other).await;
    let _ = client.refresh(&other.refresh).await.expect(200);
    let told = "SELECT count(DISTINCT payload->>'sessionId') FROM auth.outbox
                 WHERE topic = 'session.ended'";
    assert_eq!(service.count(told).await, 3);
    let audited = "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
                    AND payload->>'entry' LIKE '%all_sessions_ended%'";
    assert_eq!(service.count(audited).await, 1);

    let again = client.log_in(PHONE, "phone-2").await;
    assert_alive(&[&service, &sandbox], &again).await;
}

/// Written where no key is, gone after a minute, never prolonged; the end overwrites it.
#[tokio::test]
async fn what_has_ended_does_not_end_again() {
    let (service, _, [first, second, _]) = three_devices().await;
    let client = service.client();
    let _ = logout(&client, &second, json!({})).await.expect(204);
    let other = json!({ "deviceId": second.device });
    let _ = logout(&client, &first, other).await.expect(204);
    let _ = logout_all(&client, &first).await.expect(204);
    let reasons = "SELECT revoked_for, count(*) FROM auth.sessions
                    WHERE revoked_at IS NOT NULL GROUP BY 1 ORDER BY 1";
    let expected = [("logout", 1), ("logout_all", 2)];
    let expected = expected.map(|(why, n)| json!({ "revoked_for": why, "count": n }));
    assert_eq!(service.rows(reasons).await, expected);
    let told = "SELECT count(*) FROM auth.outbox WHERE topic = 'session.ended'";
    assert_eq!(service.count(told).await, 3);
    // Nor is it replaced when its device comes back.
    let _ = client.log_in(PHONE, "phone-2").await;
    assert_eq!(service.rows(reasons).await, expected);
    assert_eq!(service.count(told).await, 3);
}

#[tokio::test]
async fn the_hot_copy_lives_a_minute_and_its_tombstone_twenty() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let key = cache_key(&session);
    let mut redis = service.redis().await;
    let life = async |redis: &mut redis::aio::MultiplexedConnection| -> (Option<String>, i64) {
        (redis.get(&key).await.unwrap(), redis.pttl(&key).await.unwrap())
    };
    let (value, left) = life(&mut redis).await;
    assert_eq!(value.as_deref(), Some("alive"));
    assert!((50_000..=60_000).contains(&left), "{left}");

    let () = redis.pexpire(&key, 30_000).await.unwrap();
    let _ = client.ws_token(&session.access).await.expect(200);
    let _ = client.refresh(&session.refresh).await.expect(200);
    let (_, left) = life(&mut redis).await;
    assert!((1..=30_000).contains(&left), "an access check prolonged it: {left}");

    let () = redis.del(&key).await.unwrap();
    let _ = client.ws_token(&session.access).await.expect(200);
    let (value, left) = life(&mut redis).await;
    assert_eq!(value.as_deref(), Some("alive"));
    assert!((50_000..=60_000).contains(&left), "{left}");

    let _ = logout(&client, &session, json!({})).await.expect(204);
    let (value, left) = life(&mut redis).await;
    assert_eq!(value.as_deref(), Some("ended"));
    assert!((1_150_000..=1_200_000).contains(&left), "{left}");

    // An access check that had found the row alive a moment before comes too late.
    let (user, id) = ids(&session);
    let (limits, status) = (LimitsConfig::default(), OnceLock::new());
    let check = RateLimitCheck::new(&limits, service.now(), &[], &status);
    let access = service.state.core.cache.check_live_access(user, id, &check).await.unwrap();
    assert_eq!(access.session, CachedSessionState::Ended);
    assert_eq!(life(&mut redis).await.0.as_deref(), Some("ended"));
    client.ws_token(&session.access).await.refused(401, "session_ended");
}

/// Another device ended all sessions before the log-in of this one was cached.
#[tokio::test]
async fn a_log_in_that_is_cached_late_replaces_no_tombstone() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let _ = logout_all(&client, &session).await.expect(204);
    let (user, id) = ids(&session);
    let used = VerificationId::from_uuid(Uuid::nil());
    service.state.core.cache.cache_login(user, id, &[], Some(&used)).await.unwrap();
    client.ws_token(&session.access).await.refused(401, "session_ended");
}

/// The bound of the contract: what Redis missed, its copy is believed for a minute, no longer.
#[tokio::test]
async fn an_end_that_redis_was_not_told_is_believed_when_the_copy_has_gone() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    service.sql("UPDATE auth.sessions SET revoked_at = now(), revoked_for = 'logout'").await;
    let _ = client.ws_token(&session.access).await.expect(200);
    client.refresh(&session.refresh).await.refused(401, "session_ended");
    let mut redis = service.redis().await;
    let () = redis.del(cache_key(&session)).await.unwrap();
    assert_ended(&[&service], &session).await;
    let copies: Vec<String> = redis.keys("session:*").await.unwrap();
    assert!(copies.is_empty(), "a dead session was copied: {copies:?}");
}

#[tokio::test]
async fn redis_emptied_signs_nobody_out_and_brings_nobody_back() {
    let (service, sandbox, [one, two, three]) = three_devices().await;
    let client = service.client();
    let _ = logout(&client, &one, json!({})).await.expect(204);
    let _ = client.refresh(&two.refresh).await.expect(200);
    service.advance(Duration::from_mins(1));
    let mut redis = service.redis().await;
    let () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    assert_ended(&[&service, &sandbox], &one).await;
    for session in [&two, &three] {
        assert_alive(&[&service, &sandbox], session).await;
        let _ = sandbox.client().refresh(&session.refresh).await.expect(200);
    }
}

#[tokio::test]
async fn an_access_check_is_one_round_trip_to_redis_and_none_to_postgres() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let _ = client.ws_token(&session.access).await.expect(200);
    let trips = || (service.state.core.cache.round_trips(), service.state.core.store.round_trips());
    let (redis, postgres) = trips();
    for _ in 0..10 {
        let _ = client.ws_token(&session.access).await.expect(200);
    }
    assert_eq!(trips(), (redis + 10, postgres));

    // Cold: the row is asked, and copied.
    let mut connection = service.redis().await;
    let () = connection.del(cache_key(&session)).await.unwrap();
    let _ = client.ws_token(&session.access).await.expect(200);
    assert_eq!(trips(), (redis + 12, postgres + 1));

    // Ended: the tombstone answers alone.
    let _ = logout(&client, &session, json!({})).await.expect(204);
    let (redis, postgres) = trips();
    client.ws_token(&session.access).await.refused(401, "session_ended");
    assert_eq!(trips(), (redis + 1, postgres));
}

#[tokio::test]
async fn a_refresh_is_one_round_trip_to_postgres() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let trips = || service.state.core.store.round_trips();
    let before = trips();
    let next = Session::from_reply(&client.refresh(&session.refresh).await.expect(200));
    let _ = client.refresh(&next.refresh).await.expect(200);
    assert_eq!(trips(), before + 2);
    // A repeat is rare: the statement of the common case changes no row.
    let _ = client.refresh(&next.refresh).await.expect(200);
    assert_eq!(trips(), before + 4);
}

/// A session dies with its row's expiry, whatever its access token says.
#[tokio::test]
async fn a_row_that_has_expired_is_no_session() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let mut redis = service.redis().await;
    let () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    let now = service.now().millis();
    service
        .sql(&format!("UPDATE auth.sessions SET expires_at = to_timestamp({now} / 1000.0)"))
        .await;
    client.ws_token(&session.access).await.refused(401, "session_ended");
    client.refresh(&session.refresh).await.refused(401, "session_ended");
}

#[tokio::test]
async fn an_account_has_three_hundred_requests_a_minute_on_all_its_sessions() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    for left in (0..300).rev() {
        let reply = client.ws_token(&session.access).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    let reply = client.ws_token(&session.access).await;
    assert_eq!(reply.header("retry-after"), Some("1"));
    reply.refused(429, "rate_limited");
    logout(&client, &session, json!({})).await.refused(429, "rate_limited");
    service.advance(Duration::from_millis(200));
    let _ = logout(&client, &session, json!({})).await.expect(204);
}

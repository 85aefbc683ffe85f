//! Failed log-ins and requests beyond a limit: counted in Redis, and entered in the trail by the hour.

use super::{PHONE, unlimited};
use domain::ids::UserId;
use serde_json::{Value, json};
use shared::audit::SecurityEvent;
use shared::relay::hourly::enter_hourly_events;
use std::time::Duration;
use tests::proxy::Lost;
use tests::race::together;
use tests::stores::Stores;
use tests::{Authenticator, Client, Proxy, Service, Session};
use uuid::Uuid;

const HOUR: Duration = Duration::from_hours(1);
const GRACE: Duration = Duration::from_mins(2);

fn id(session: &Session) -> UserId {
    UserId::from_uuid(Uuid::try_parse(&session.user).unwrap())
}

async fn count(service: &Service, session: &Session, event: SecurityEvent) {
    service.state.core.cache.count_hourly_event(id(session), event, service.now()).await.unwrap();
}

async fn enter(service: &Service) -> usize {
    enter_hourly_events(&service.state.core, service.now(), Duration::MAX).await.unwrap()
}

/// The counted entries of all users: kind and count, in the order of their chains.
async fn entered(service: &Service) -> Vec<(String, i64)> {
    let rows = service
        .rows(
            "SELECT entry::jsonb->>'event' AS event, (entry::jsonb->>'count')::int8 AS count
               FROM auth.security_events WHERE entry::jsonb ? 'count' ORDER BY user_id, seq",
        )
        .await;
    let read =
        |row: &Value| (row["event"].as_str().unwrap().to_owned(), row["count"].as_i64().unwrap());
    rows.iter().map(read).collect()
}

/// To the beginning of the next hour.
fn next_hour(service: &Service) {
    let hour = i64::try_from(HOUR.as_millis()).unwrap();
    let left = hour - service.now().millis().rem_euclid(hour);
    service.advance(Duration::from_millis(u64::try_from(left).unwrap()));
}

#[tokio::test]
async fn an_hour_is_entered_once_when_it_is_over() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    next_hour(&service);
    let began = service.now();
    for _ in 0..3 {
        count(&service, &session, SecurityEvent::LogInsFailed).await;
    }
    count(&service, &session, SecurityEvent::RequestsLimited).await;
    service.advance((HOUR + GRACE).saturating_sub(Duration::from_millis(1)));
    count(&service, &session, SecurityEvent::LogInsFailed).await;
    assert_eq!((enter(&service).await, entered(&service).await), (0, vec![]));
    service.advance(Duration::from_millis(1));
    assert_eq!(enter(&service).await, 2);
    let first = entered(&service).await;
    assert_eq!(first.len(), 2);
    assert!(first.contains(&("log_ins_failed".to_owned(), 3)));
    assert!(first.contains(&("requests_limited".to_owned(), 1)));
    assert_eq!(enter(&service).await, 0);
    service.advance(HOUR);
    assert_eq!(enter(&service).await, 1);
    assert_eq!(entered(&service).await.last(), Some(&("log_ins_failed".to_owned(), 1)));

    // Its user reads it, and the chain holds.
    let session = Session::from_reply(&service.client().refresh(&session.refresh).await);
    let client = service.client().bearer(&session.access);
    let told = client.get("/auth/v1/security-events").await.expect(200).json();
    let entries = told["entries"].as_array().unwrap();
    assert_eq!((&entries[0]["count"], &entries[0]["event"]), (&1.into(), &"log_ins_failed".into()));
    let since = shared::clock::date_time(began + HOUR);
    assert_eq!(entries[0]["since"], since);
    assert!(entries[0].get("ipAddress").is_none() && entries[3].get("count").is_none());
    let verified = shared::audit::verify::verify(&service.state.core.store, None).await.unwrap();
    assert_eq!((verified.entries, verified.faults), (4, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_relays_at_once_enter_a_count_once() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let counts = (0..50).map(|_| {
        let (service, session) = (service.clone(), session.clone());
        async move { count(&service, &session, SecurityEvent::LogInsFailed).await }
    });
    let _ = together(counts).await;
    service.advance(HOUR + GRACE);
    let runs = (0..50).map(|_| {
        let core = service.state.core.clone();
        let now = service.now();
        async move { enter_hourly_events(&core, now, Duration::MAX).await }
    });
    let sum: usize = together(runs).await.into_iter().map(Result::unwrap).sum();
    assert_eq!((sum, entered(&service).await), (1, vec![("log_ins_failed".to_owned(), 50)]));
}

/// A service behind a proxy, and a user with something to enter.
async fn counted(of_redis: bool) -> (Proxy, Service) {
    let stores = Stores::fresh().await;
    let url = if of_redis { &stores.redis_url } else { &stores.database_url };
    let (proxy, url) = Proxy::before(url).await;
    let name = if of_redis { "REDIS_URL" } else { "DATABASE_URL" };
    let service = Service::over(stores, &[(name, &url), ("RATE_LIMITS", "off")]).await;
    let session = service.client().sign_up(PHONE).await;
    for _ in 0..2 {
        count(&service, &session, SecurityEvent::LogInsFailed).await;
        count(&service, &session, SecurityEvent::SecondFactorRefused).await;
    }
    service.advance(HOUR + GRACE);
    (proxy, service)
}

#[tokio::test]
async fn a_lost_connection_neither_loses_nor_doubles_a_count() {
    for of_redis in [true, false] {
        for part in [Lost::Request, Lost::Reply] {
            for skip in 0.. {
                let (proxy, service) = counted(of_redis).await;
                proxy.lose(skip, part);
                let _ =
                    enter_hourly_events(&service.state.core, service.now(), Duration::MAX).await;
                let lost = !proxy.has_loss_pending();
                proxy.lose(1_000_000, Lost::Request);
                let _ = enter(&service).await;
                let mut found = entered(&service).await;
                found.sort();
                let expected = ["log_ins_failed", "second_factor_refused"];
                let expected = expected.map(|event| (event.to_owned(), 2));
                assert_eq!(found, expected, "redis {of_redis}, {part:?} {skip}");
                if !lost {
                    assert!(skip >= 2, "a run has more exchanges than {skip}");
                    break;
                }
            }
        }
    }
}

/// Killed when the entry is committed and the count is not deleted: it is found again.
#[tokio::test]
async fn a_count_that_was_entered_and_not_deleted_is_not_entered_again() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    count(&service, &session, SecurityEvent::LogInsFailed).await;
    service.advance(HOUR + GRACE);
    let counts = service.state.core.cache.take_hourly_counts(service.now()).await.unwrap();
    assert_eq!(enter(&service).await, 1);
    for count in &counts {
        for _ in 0..count.count {
            let cache = &service.state.core.cache;
            cache.count_hourly_event(count.user, count.event, count.hour).await.unwrap();
        }
    }
    let cache = &service.state.core.cache;
    assert_eq!(cache.take_hourly_counts(service.now()).await.unwrap(), counts);
    assert_eq!(enter(&service).await, 0);
    assert_eq!(entered(&service).await, [("log_ins_failed".to_owned(), 1)]);
    assert!(cache.take_hourly_counts(service.now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_relay_that_stood_still_for_two_days_enters_every_hour_and_forgets_accounts_that_are_gone()
 {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let gone = service.client().sign_up(super::OTHER_PHONE).await;
    for _ in 0..48 {
        count(&service, &session, SecurityEvent::RequestsLimited).await;
        count(&service, &gone, SecurityEvent::RequestsLimited).await;
        service.advance(HOUR);
    }
    service.sql(&format!("DELETE FROM auth.users_auth WHERE id = '{}'", gone.user)).await;
    service.advance(GRACE);
    assert_eq!(enter(&service).await, 48);
    assert_eq!(entered(&service).await.len(), 48);
    let since = "SELECT count(DISTINCT entry::jsonb->>'since') FROM auth.security_events
                  WHERE entry::jsonb ? 'count'";
    assert_eq!(service.count(since).await, 48);
    let cache = &service.state.core.cache;
    assert!(cache.take_hourly_counts(service.now()).await.unwrap().is_empty());
    let left: Vec<String> = redis::cmd("KEYS")
        .arg("hourly_events:*")
        .query_async(&mut service.redis().await)
        .await
        .unwrap();
    assert!(left.is_empty(), "{left:?}");
}

async fn counts(service: &Service) -> Vec<(&'static str, i64)> {
    service.advance(HOUR + GRACE);
    let counts = service.state.core.cache.take_hourly_counts(service.now()).await.unwrap();
    let mut counts: Vec<_> = counts.iter().map(|count| (count.event.name(), count.count)).collect();
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn requests_beyond_the_limits_of_an_account_or_session_are_counted() {
    let limits =
        [("RATE_LIMIT_BEARER_ACCOUNT", "3/3600"), ("RATE_LIMIT_REFRESH_SESSION", "1/3600")];
    let service = Service::with(&limits).await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let answers = async |ask: &dyn Fn() -> Client| {
        let mut limited = 0;
        for _ in 0..5 {
            let reply = ask().get("/auth/v1/device").await;
            limited += i64::from(reply.status.as_u16() == 429);
        }
        limited
    };
    let limited = answers(&|| client.clone().bearer(&session.access)).await;
    assert_eq!(limited, 2);
    let _ = client.refresh(&session.refresh).await.expect(200);
    let _ = client.refresh(&session.refresh).await.expect(429);
    assert_eq!(counts(&service).await, [("requests_limited", 3)]);
}

#[tokio::test]
async fn wrong_codes_of_the_second_factor_are_counted_at_log_in_and_in_sessions() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let caller = client.clone().bearer(&session.access);
    let set_up = caller.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
    let app = Authenticator::from_base32(set_up["secret"].as_str().unwrap());
    let token = json!({ "token": app.at(service.now()) });
    let _ = caller.post("/auth/v1/2fa/enable", token).await.expect(200);
    let mut wrong = app.wrong(service.now());
    let verification = client.verified("login", PHONE).await;
    for _ in 0..3 {
        let token = wrong.next().unwrap();
        let body = json!({ "verificationId": verification, "twoFactorToken": token });
        client.post("/auth/v1/login", body).await.refused(401, "two_factor_invalid");
    }
    let token = json!({ "token": wrong.next().unwrap() });
    for _ in 0..2 {
        // The same code again is not counted.
        let _ = caller.post("/auth/v1/2fa/verify", token.clone()).await.expect(200);
    }
    assert_eq!(counts(&service).await, [("log_ins_failed", 3), ("second_factor_refused", 1)]);
}

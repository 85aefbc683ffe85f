//! Answers that were lost: the same secret gets the same tokens again, for a minute and until they are
//! used; and no connection that is lost makes a second session, or none.

use super::{
    CHALLENGE, DEVICES, KINDS, Kind, PHONE, SESSIONS, Waiting, approved, challenge, is_alive, of,
    refreshed, scan, security_events, unlimited,
};
use serde_json::json;
use std::time::Duration;
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Proxy, Service, Session, token};

const PARTS: [Lost; 2] = [Lost::Request, Lost::Reply];

#[tokio::test]
async fn the_same_secret_gets_the_same_tokens_for_a_minute() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        service.advance(Duration::from_mins(1));
        let phone = refreshed(&service, &phone).await;
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        // Delivered in the last moment of its life.
        let left = if kind == Kind::Link { 120 } else { 300 };
        service.advance(Duration::from_millis(left * 1000 - 1));
        let first = waiting.poll(&service.client()).await.expect(200);
        let delivered = Session::from_reply(&first);
        for millis in [1, 30_000, 29_998] {
            service.advance(Duration::from_millis(millis));
            let again = waiting.poll(&service.client()).await.expect(200);
            let session = Session::from_reply(&again);
            assert_eq!(token::claims(&session.refresh), token::claims(&delivered.refresh));
            assert!(is_alive(&service, &session).await);
            assert_eq!(again.json()["phoneNumber"], first.json()["phoneNumber"]);
            let expected = token::claims(&session.refresh)["exp"].as_u64().unwrap()
                - u64::try_from(service.now().seconds()).unwrap();
            let told = again.json()["refreshExpiresIn"].as_u64().unwrap();
            assert!(told.abs_diff(expected) <= 1, "{told} {expected}");
        }
        service.advance(Duration::from_millis(1));
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        assert!(is_alive(&service, &delivered).await);
        assert_eq!(service.count(SESSIONS).await, 2);
    }
}

#[tokio::test]
async fn tokens_that_were_used_are_not_given_again() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let waiting = approved(kind, &service, &phone).await;
        let session = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        let session = refreshed(&service, &session).await;
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        assert!(is_alive(&service, &session).await);
        // Nor those of a session that has ended, or of a device that was removed.
        let waiting = approved(kind, &service, &phone).await;
        let session = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        let client = of(&service, &session);
        let _ = client.post("/auth/v1/logout", json!({})).await.expect(204);
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        let waiting = approved(kind, &service, &phone).await;
        let session = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        service.sql(&format!("DELETE FROM auth.devices WHERE id = '{}'", session.device)).await;
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        assert_eq!(service.count(SESSIONS).await, 3);
    }
}

/// Redis forgets everything: nobody is let in, and nobody a second time.
#[tokio::test]
async fn what_redis_forgets_is_gone() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let waiting = approved(kind, &service, &phone).await;
        let mut redis = service.redis().await;
        let key = format!(
            "qr_{}:{{{}}}",
            if kind == Kind::Link { "link" } else { "challenge" },
            waiting.id
        );
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
        let () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        // And if it remembers what was used: Postgres knows.
        let restore = async || {
            let mut redis = service.redis().await;
            let mut command = redis::cmd("RESTORE");
            command.arg(&key).arg(60_000).arg(&dump).arg("REPLACE");
            let () = command.query_async(&mut redis).await.unwrap();
        };
        restore().await;
        let _ = waiting.poll(&service.client()).await.expect(200);
        service.advance(Duration::from_mins(1));
        restore().await;
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        assert_eq!(service.count(SESSIONS).await, 2);
    }
}

/// A service over a proxy before Redis (true) or Postgres (false).
async fn behind_proxy(before_redis: bool) -> (Proxy, Service) {
    let stores = Stores::fresh().await;
    let url = if before_redis { &stores.redis_url } else { &stores.database_url };
    let (proxy, through) = Proxy::before(url).await;
    let stores =
        if before_redis { Stores { redis_url: through.clone(), ..stores } } else { stores };
    let mut variables = vec![("RATE_LIMITS", "off")];
    if !before_redis {
        variables.push(("DATABASE_URL", through.as_str()));
    }
    let service = Service::over(stores, &variables).await;
    (proxy, service)
}

/// What is sent while a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Show,
    Scan,
    Approve,
    Deny,
    Poll,
}

/// Loses the connection at each exchange of a step.
async fn lose_each_exchange(before_redis: bool, kind: Kind, step: Step) {
    for part in PARTS {
        for skip in 0.. {
            let (proxy, service) = behind_proxy(before_redis).await;
            let phone = service.client().sign_up(PHONE).await;
            // Scripts are known afterwards.
            let _ =
                approved(kind, &service, &phone).await.poll(&service.client()).await.expect(200);
            let denied = Waiting::new(kind, &service, &phone, json!({})).await;
            let _ = denied.deny(&of(&service, &phone)).await.expect(204);
            let place = format!("{kind:?} {step:?} {part:?} {skip}");
            let (client, approver) = (service.client(), of(&service, &phone));
            let shown = challenge(&service, &phone).await;
            let waiting = match step {
                Step::Show | Step::Scan => None,
                Step::Poll => Some(approved(kind, &service, &phone).await),
                Step::Approve | Step::Deny => {
                    Some(Waiting::new(kind, &service, &phone, json!({})).await)
                }
            };
            proxy.lose(skip, part);
            let reply = match (step, &waiting) {
                (Step::Show, _) => {
                    let path = format!("{CHALLENGE}/{}", phone.device);
                    approver.post(&path, json!({})).await.expect(201)
                }
                (Step::Approve, Some(waiting)) => waiting.approve(&approver).await.expect(204),
                (Step::Deny, Some(waiting)) => waiting.deny(&approver).await.expect(204),
                (Step::Poll, Some(waiting)) => waiting.poll(&client).await.expect(200),
                _ if kind == Kind::Link => client.post(super::LINK, json!({})).await.expect(201),
                _ => scan(&client, &shown, json!({})).await.expect(202),
            };
            let is_lost = !proxy.has_loss_pending();
            let waiting = match step {
                Step::Show => {
                    let shown = String::from_utf8(reply.body.clone()).unwrap();
                    let scanned = scan(&client, &shown, json!({})).await.expect(202).json();
                    Waiting::read(Kind::Challenge, &scanned)
                }
                Step::Scan => Waiting::read(kind, &reply.json()),
                _ => waiting.unwrap(),
            };
            if matches!(step, Step::Show | Step::Scan) {
                let _ = waiting.approve(&approver).await.expect(204);
            }
            if step == Step::Deny {
                waiting.poll(&client).await.refused(403, "qr_denied");
                assert_eq!(service.count(SESSIONS).await, 2, "{place}");
            } else {
                let again = Session::from_reply(&waiting.poll(&client).await.expect(200));
                assert!(is_alive(&service, &again).await, "{place}");
                assert_eq!(service.count(SESSIONS).await, 3, "{place}");
                assert_eq!(service.count(DEVICES).await, 3, "{place}");
                assert_eq!(security_events(&service, "device_approved").await, 2, "{place}");
            }
            if !is_lost {
                assert!((1..20).contains(&skip) || (!before_redis && skip == 0), "{place}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_redis_that_is_lost_changes_no_outcome() {
    for step in [Step::Show, Step::Scan, Step::Approve, Step::Deny, Step::Poll] {
        lose_each_exchange(true, Kind::Challenge, step).await;
    }
    for step in [Step::Scan, Step::Poll] {
        lose_each_exchange(true, Kind::Link, step).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_postgres_that_is_lost_changes_no_outcome() {
    for step in [Step::Approve, Step::Poll] {
        lose_each_exchange(false, Kind::Challenge, step).await;
    }
}

/// The session was made and nobody could tell: the next poll finds it.
#[tokio::test]
async fn a_delivery_that_was_given_up_is_found_by_the_next_poll() {
    let (proxy, service) = behind_proxy(false).await;
    let phone = service.client().sign_up(PHONE).await;
    let waiting = approved(Kind::Link, &service, &phone).await;
    proxy.swallow_new(true);
    // The lock with what it guards, the statement, COMMIT.
    proxy.lose(2, Lost::Reply);
    waiting.poll(&service.client()).await.refused(503, "unavailable");
    proxy.swallow_new(false);
    assert_eq!(service.count(SESSIONS).await, 2);
    let session = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
    assert!(is_alive(&service, &session).await);
    assert_eq!(service.count(SESSIONS).await, 2);
}

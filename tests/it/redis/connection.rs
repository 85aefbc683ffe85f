//! Lost connections to Redis. A request fails only if a new connection does not help.

use super::behind_proxy;
use serde_json::json;
use std::time::{Duration, Instant};
use stores::Options;
use tests::race::together;
use tests::stores::{Stores, own_redis};
use tests::{Proxy, Service};

const PHONE: &str = "+33612345678";

async fn proxied() -> (Proxy, Service) {
    let url = Stores::fresh().await.redis_url;
    behind_proxy(&url, &[("RATE_LIMITS", "off")]).await
}

/// Requests and confirms a code: each step needs Redis.
async fn verify(service: &Service) {
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

/// Until a request for a code is answered again.
async fn served_again(service: &Service) -> Duration {
    let start = Instant::now();
    loop {
        let body = json!({ "phoneNumber": PHONE });
        let reply = service.client().post("/auth/v1/verify/register/request", body).await;
        if reply.status == 200 {
            return start.elapsed();
        }
        assert_eq!(reply.status, 503);
        assert!(start.elapsed() < Duration::from_secs(5), "not served again within 5 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_request_fails_for_a_connection_lost_while_idle() {
    for lose in [Proxy::reset, Proxy::half_open, Proxy::silence] {
        let (proxy, service) = proxied().await;
        let client = service.client();
        for _ in 0..3 {
            verify(&service).await;
            lose(&proxy);
            let (id, code) = client.start("register", PHONE).await;
            lose(&proxy);
            let _ = client.confirm("register", &id, &code).await.expect(200);
            lose(&proxy);
        }
        let session = client.sign_up("+33698765432").await;
        lose(&proxy);
        let _ = client.ws_token(&session.access).await.expect(200);
        lose(&proxy);
        let _ = client.get("/auth/v1/health/ready").await.expect(200);
    }
}

#[tokio::test]
async fn a_connection_that_was_idle_for_long_is_replaced_before_it_is_used() {
    let (proxy, service) = proxied().await;
    verify(&service).await;
    assert_eq!(proxy.opened(), 1);
    service.advance(Duration::from_mins(4));
    let before = service.state.core.cache.round_trips();
    verify(&service).await;
    let trips = service.state.core.cache.round_trips() - before;
    assert_eq!(proxy.opened(), 1);
    service.advance(Duration::from_mins(6));
    proxy.silence();
    // No try is spent on the old connection.
    verify(&service).await;
    assert_eq!(service.state.core.cache.round_trips() - before, 2 * trips);
    assert_eq!((proxy.opened(), proxy.open()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_lose_a_connection_at_the_same_time_share_the_next_one() {
    let (proxy, service) = proxied().await;
    verify(&service).await;
    let session = service.client().sign_up("+33698765432").await;
    for lose in [Proxy::reset, Proxy::silence] {
        let opened = proxy.opened();
        lose(&proxy);
        let requests = (0..50).map(|_| {
            let (client, access) = (service.client(), session.access.clone());
            async move { client.ws_token(&access).await }
        });
        for reply in together(requests).await {
            let _ = reply.expect(200);
        }
        assert_eq!(proxy.opened() - opened, 1);
    }
}

#[tokio::test]
async fn while_new_connections_are_silent_too_codes_are_refused_in_time() {
    let (proxy, service) = proxied().await;
    verify(&service).await;
    proxy.swallow_new(true);
    proxy.silence();
    let start = Instant::now();
    let body = json!({ "phoneNumber": PHONE });
    let reply = service.client().post("/auth/v1/verify/register/request", body).await;
    let _ = reply.refused(503, "unavailable");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    proxy.swallow_new(false);
    served_again(&service).await;
    verify(&service).await;
}

#[tokio::test]
async fn slow_answers_are_waited_for_within_the_deadline() {
    let (proxy, service) = proxied().await;
    proxy.delay(Duration::from_millis(60));
    verify(&service).await;
    proxy.delay(Duration::from_millis(600));
    let body = json!({ "phoneNumber": PHONE });
    let reply = service.client().post("/auth/v1/verify/register/request", body).await;
    let _ = reply.refused(503, "unavailable");
    proxy.delay(Duration::ZERO);
    served_again(&service).await;
    verify(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_behind_the_same_name_is_used_at_once() {
    let ((one, _), (two, _)) =
        (own_redis(Options::ephemeral()).await, own_redis(Options::ephemeral()).await);
    let (proxy, service) = behind_proxy(&one.url(0), &[]).await;
    verify(&service).await;
    for lose in [Proxy::reset, Proxy::silence] {
        proxy.redirect(([127, 0, 0, 1], two.port()).into());
        lose(&proxy);
        service.advance(Duration::from_mins(1));
        verify(&service).await;
        proxy.redirect(([127, 0, 0, 1], one.port()).into());
        lose(&proxy);
        service.advance(Duration::from_mins(1));
        verify(&service).await;
    }
}

/// A master that became a replica keeps its connections and refuses to write.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_became_read_only_is_left_for_the_new_master() {
    let ((old, _), (new, _)) =
        (own_redis(Options::ephemeral()).await, own_redis(Options::ephemeral()).await);
    let (proxy, service) = behind_proxy(&old.url(0), &[]).await;
    verify(&service).await;
    let demote = redis::Client::open(old.url(0)).unwrap();
    let mut demote = demote.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg(new.port())
        .query_async(&mut demote)
        .await
        .unwrap();
    // The name still leads to the old master: refused, and asked again each time.
    let opened = proxy.opened();
    let body = json!({ "phoneNumber": PHONE });
    let reply = service.client().post("/auth/v1/verify/register/request", body).await;
    let _ = reply.refused(503, "unavailable");
    assert!(proxy.opened() > opened, "the connection was kept");
    // Nothing is closed. Only the name changes.
    proxy.redirect(([127, 0, 0, 1], new.port()).into());
    served_again(&service).await;
    service.advance(Duration::from_mins(1));
    verify(&service).await;
}

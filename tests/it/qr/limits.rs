//! What strangers and stolen tokens may make Redis hold.

use super::{CHALLENGE, LINK, PHONE, Waiting, challenge};
use serde_json::json;
use std::time::Duration;
use tests::{Keys, Service};

#[tokio::test]
async fn an_address_makes_thirty_links_a_minute() {
    let service = Service::start().await;
    let client = service.client();
    for _ in 0..30 {
        let _ = client.post(LINK, json!({})).await.expect(201);
    }
    client.post(LINK, json!({})).await.refused(429, "rate_limited");
    let elsewhere = service.client_at("198.51.100.9".parse().unwrap());
    let reply = elsewhere.post(LINK, json!({})).await.expect(201);
    assert_eq!(reply.header("ratelimit-limit"), Some("30"));
    service.advance(Duration::from_secs(2));
    let _ = client.post(LINK, json!({})).await.expect(201);
}

#[tokio::test]
async fn an_account_shows_ten_challenges_a_minute() {
    let service = Service::start().await;
    let phone = service.client().sign_up(PHONE).await;
    for _ in 0..10 {
        let _ = challenge(&service, &phone).await;
    }
    let path = format!("{CHALLENGE}/{}", phone.device);
    let client = service.client().bearer(&phone.access);
    client.post(&path, json!({})).await.refused(429, "rate_limited");
    service.advance(Duration::from_secs(6));
    let _ = challenge(&service, &phone).await;
}

/// A link with all the keys that a bundle may have costs Redis little.
#[tokio::test]
async fn a_link_holds_few_of_its_keys() {
    let service = Service::start().await;
    let phone = service.client().sign_up(PHONE).await;
    let bundle = Keys::new().bundle(1..201, 1..201);
    let body = json!({ "signalKeyBundle": bundle });
    let link = Waiting::new(super::Kind::Link, &service, &phone, body).await;
    let mut redis = service.redis().await;
    let key = format!("qr_link:{{{}}}", link.id);
    let bytes: u64 =
        redis::cmd("MEMORY").arg("USAGE").arg(&key).query_async(&mut redis).await.unwrap();
    assert!(bytes < 80_000, "{bytes}");
}

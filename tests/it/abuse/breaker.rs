//! The breaker of a country: trips when codes are not entered, pauses what caused it,
//! tries again, recovers.

use super::{UNREACHABLE_SENDER, confirmed, elsewhere, french, request};
use serde_json::json;
use std::time::Duration;
use tests::Service;

const BRITISH: &str = "+447400123456";

/// Codes that nobody enters, each to a block of its own, all ripe.
async fn pump(service: &Service, from: u32, count: u32) {
    for n in from..from + count {
        let _ = request(service, n, &french(n, 0)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
}

/// A service whose SMS to France have paused.
async fn paused() -> Service {
    let service = Service::start().await;
    pump(&service, 0, 50).await;
    request(&service, 50, &french(50, 0)).await.refused(429, "sms_paused");
    service
}

#[tokio::test]
async fn fifty_codes_that_nobody_enters_pause_the_country_alone() {
    let service = Service::start().await;
    pump(&service, 0, 50).await;
    let reply = request(&service, 50, &french(50, 0)).await;
    reply.clone().refused(429, "sms_paused");
    assert_eq!(reply.header("retry-after"), Some("1800"));
    assert_eq!(service.inbox().await.len(), 50, "nothing was sent");
    let _ = request(&service, 51, BRITISH).await.expect(200);
    let metrics = service.client().get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("auth_sms_breaker_trips_total 1"), "{metrics}");
}

#[tokio::test]
async fn forty_nine_or_a_fifth_confirmed_do_not() {
    let service = Service::start().await;
    pump(&service, 0, 49).await;
    let _ = request(&service, 49, &french(49, 0)).await.expect(200);

    let service = Service::start().await;
    for n in 0..10 {
        confirmed(&service, n, &french(n, 0)).await;
    }
    pump(&service, 10, 40).await;
    let _ = request(&service, 50, &french(50, 0)).await.expect(200);
}

#[tokio::test]
async fn a_rush_has_two_minutes_to_enter_its_codes() {
    let service = Service::start().await;
    for n in 0..80 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
    request(&service, 80, &french(80, 0)).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn the_block_that_causes_it_pauses_first() {
    let service = Service::start().await;
    for n in 0..30 {
        confirmed(&service, n, &french(n, 0)).await;
    }
    for n in 0..170 {
        let _ = request(&service, 100 + n, &french(900, n)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
    request(&service, 500, &french(900, 5000)).await.refused(429, "sms_paused");
    let _ = request(&service, 501, &french(901, 0)).await.expect(200);
    service.advance(Duration::from_mins(30));
    let _ = request(&service, 502, &french(900, 5001)).await.expect(200);
}

#[tokio::test]
async fn after_the_pause_ten_are_tried_and_their_confirmation_ends_it() {
    let service = paused().await;
    service.advance(Duration::from_mins(30));
    for n in 100..110 {
        if n < 102 {
            confirmed(&service, n, &french(n, 0)).await;
        } else {
            let _ = request(&service, n, &french(n, 0)).await.expect(200);
        }
    }
    for n in 110..120 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
}

#[tokio::test]
async fn trials_that_nobody_enters_begin_another_pause() {
    let service = paused().await;
    service.advance(Duration::from_mins(30));
    for n in 100..110 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    request(&service, 110, &french(110, 0)).await.refused(429, "sms_paused");
    service.advance(Duration::from_mins(2));
    let reply = request(&service, 111, &french(111, 0)).await;
    reply.clone().refused(429, "sms_paused");
    assert_eq!(reply.header("retry-after"), Some("1800"));
}

#[tokio::test]
async fn codes_that_were_not_sent_do_not_count() {
    let service = Service::with(&UNREACHABLE_SENDER).await;
    for n in 0..60 {
        request(&service, n, &french(n, 0)).await.refused(502, "sms_failed");
    }
    service.advance(Duration::from_mins(2));
    request(&service, 60, &french(60, 0)).await.refused(502, "sms_failed");
}

#[tokio::test]
async fn an_owner_passes_the_pause() {
    let service = Service::start().await;
    let phone = french(800, 1);
    let session = service.client_at(elsewhere(900)).sign_up(&phone).await;
    pump(&service, 0, 60).await;
    request(&service, 60, &french(60, 0)).await.refused(429, "sms_paused");
    let body = json!({ "phoneNumber": phone, "previousToken": session.refresh });
    let owner = service.client_at(elsewhere(901));
    let _ = owner.post("/auth/v1/verify/login/request", body).await.expect(200);
}

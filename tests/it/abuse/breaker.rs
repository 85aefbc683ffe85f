//! The breaker of a country: trips when codes are not entered, pauses what caused it, tries
//! again, recovers. [`model`] compares the scripts with the pure breaker.

mod model;

use super::{UNREACHABLE_SENDER, confirmed, elsewhere, french, request};
use crate::template::document::template;
use serde_json::json;
use shared::telemetry::emf::NAMESPACE;
use std::net::IpAddr;
use std::time::Duration;
use tests::race::together;
use tests::{Reply, Service};

const BRITISH: &str = "+447400123456";

/// Codes that nobody enters, each to a block of its own, all ripe.
async fn pump(service: &Service, from: u32, count: u32) {
    for n in from..from + count {
        let _ = request(service, n, &french(n, 0)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
}

/// After a pause, when every network may be drawn as a probe.
const ALL_DRAWN: Duration = Duration::from_mins(33);

/// Asks for a code from a host of one network.
async fn request_within(service: &Service, host: u8, phone: &str) -> Reply {
    let address = IpAddr::from([192, 0, 2, host]);
    let body = json!({ "phoneNumber": phone });
    service.client_at(address).post("/auth/v1/verify/register/request", body).await
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
    service.advance(ALL_DRAWN);
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
    service.advance(ALL_DRAWN);
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
async fn the_network_that_causes_it_pauses_first() {
    let service = Service::start().await;
    for n in 0..60 {
        let _ = request_within(&service, n, &french(u32::from(n), 0)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
    let reply = request_within(&service, 100, &french(100, 0)).await.refused(429, "sms_paused");
    assert_eq!(reply.header("retry-after"), Some("1800"));
    let _ = request(&service, 500, &french(100, 0)).await.expect(200);
    service.advance(Duration::from_mins(30));
    let _ = request_within(&service, 100, &french(100, 1)).await.expect(200);
}

#[tokio::test]
async fn a_network_that_confirmed_codes_passes_the_pause_of_its_country() {
    let service = Service::start().await;
    confirmed(&service, 1000, &french(1000, 0)).await;
    service.advance(Duration::from_hours(29 * 24));
    pump(&service, 0, 60).await;
    request(&service, 60, &french(60, 0)).await.refused(429, "sms_paused");
    let _ = request(&service, 1000, &french(1001, 0)).await.expect(200);
}

#[tokio::test]
async fn the_counts_of_networks_and_blocks_slide() {
    let service = Service::start().await;
    // Four and then more, never five within an hour: neither network nor block causes it.
    for n in 0..4 {
        let _ = request_within(&service, n, &french(900, u32::from(n))).await.expect(200);
    }
    service.advance(Duration::from_mins(62));
    let _ = request_within(&service, 4, &french(900, 4)).await.expect(200);
    pump(&service, 0, 49).await;
    request(&service, 60, &french(60, 0)).await.refused(429, "sms_paused");
    let mut redis = service.redis().await;
    let pauses: Vec<String> = redis::cmd("HKEYS")
        .arg("rate_limit:breaker_pauses:{FR}")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(pauses.is_empty(), "{pauses:?}");
}

#[tokio::test]
async fn counts_never_fall_below_zero() {
    let service = Service::start().await;
    // Codes that are confirmed only after their block was paused.
    let mut started = Vec::new();
    for n in 0..60 {
        let client = service.client_at(elsewhere(n));
        started.push(client.start("register", &french(900, n)).await);
    }
    service.advance(Duration::from_mins(2));
    request(&service, 100, &french(900, 100)).await.refused(429, "sms_paused");
    for (id, code) in started {
        let _ = service.client_at(elsewhere(200)).confirm("register", &id, &code).await;
    }
    let mut redis = service.redis().await;
    for key in crate::verify::keys(&service, "rate_limit:breaker:*").await {
        let counts: Vec<(String, String)> =
            redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await.unwrap();
        for (field, count) in counts {
            assert!(!count.starts_with('-'), "{field} is {count}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_counted_exactly() {
    let service = paused().await;
    service.advance(ALL_DRAWN);
    let requests = (100..200).map(|n| {
        let service = service.clone();
        async move { request(&service, n, &french(n, 0)).await }
    });
    let replies = together(requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 10);
    assert_eq!(replies.iter().filter(|reply| reply.code() == "sms_paused").count(), 90);
}

#[tokio::test]
async fn a_network_is_one_probe() {
    let service = paused().await;
    service.advance(ALL_DRAWN);
    let _ = request_within(&service, 1, &french(100, 0)).await.expect(200);
    let reply = request_within(&service, 2, &french(101, 0)).await.refused(429, "sms_paused");
    assert_eq!(reply.header("retry-after"), Some("420"), "when the round of ten minutes ends");
    let _ = request(&service, 100, &french(102, 0)).await.expect(200);
}

#[tokio::test]
async fn probes_are_drawn_and_the_fastest_gain_nothing() {
    let service = paused().await;
    service.advance(Duration::from_mins(30));
    let mut passed = Vec::new();
    for step in 0..=12 {
        let mut now = 0;
        for n in 0..20 {
            let reply = request(&service, 100 + n, &french(100 + step * 20 + n, 0)).await;
            now += u32::from(reply.status == 200);
        }
        passed.push(now);
        service.advance(Duration::from_secs(15));
    }
    assert_eq!(passed.iter().sum::<u32>(), 10);
    // Of 20 networks, 10 passing in the first minute is a chance below one in a million.
    assert!(passed[..5].iter().sum::<u32>() < 10, "{passed:?}");
}

#[tokio::test]
async fn an_owner_passes_the_pause_with_one_code_an_hour() {
    let service = Service::start().await;
    let phone = french(800, 1);
    let session = service.client_at(elsewhere(900)).sign_up(&phone).await;
    pump(&service, 0, 60).await;
    request(&service, 60, &french(60, 0)).await.refused(429, "sms_paused");
    let body = json!({ "phoneNumber": phone, "previousToken": session.refresh });
    let owner = service.client_at(elsewhere(901));
    let path = "/auth/v1/verify/login/request";
    let _ = owner.post(path, body.clone()).await.expect(200);
    owner.post(path, body.clone()).await.refused(429, "sms_paused");
    // What another owner got takes nothing of this one.
    service.advance(Duration::from_mins(29));
    owner.post(path, body).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn the_alarm_is_a_metric_that_an_alarm_watches() {
    let alarm = &template()["Resources"]["SmsBreakerTrips"]["Properties"];
    assert_eq!(alarm["MetricName"], "auth_sms_breaker_trips_total", "{alarm}");
    assert_eq!(alarm["Namespace"], NAMESPACE, "{alarm}");
    assert!(alarm.get("AlarmActions").is_some(), "{alarm}");
}

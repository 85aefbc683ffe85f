//! `GET /metrics`: the counters of the whole fleet, and who may read them.

use std::collections::BTreeMap;
use tests::{Client, Service};

const TOKEN: &str = "a-metrics-token-of-32-characters";

/// The value of each series, and its line's place.
async fn scrape(client: &Client) -> (String, BTreeMap<String, String>) {
    let reply = client.get("/metrics").await.expect(200);
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let text = String::from_utf8(reply.body).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines
        .map(|line| line.rsplit_once(' ').expect("a series and a value"))
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect();
    (text, values)
}

fn requests(method: &str, route: &str, status: u16) -> String {
    format!(r#"auth_http_requests_total{{method="{method}",route="{route}",status="{status}"}}"#)
}

#[tokio::test]
async fn requests_and_latencies_are_told_as_prometheus_reads_them() {
    let service = Service::start().await;
    let client = service.client();
    let id = "0190a5d0-0000-7000-8000-000000000000";
    for _ in 0..3 {
        let _ = client.get(&format!("/auth/v1/verify/{id}")).await.expect(404);
    }
    let _ = client.get("/auth/v1/health/live").await.expect(200);
    let _ = client.get(&format!("/auth/v1/none/{id}")).await.expect(404);
    let strange = http::Method::from_bytes(b"STRANGE").unwrap();
    let _ = client.send(strange, "/auth/v1/none", &serde_json::json!({})).await.expect(404);
    let (text, values) = scrape(&client).await;

    let template = "/auth/v1/verify/{verificationId}";
    assert_eq!(values[&requests("GET", template, 404)], "3");
    assert_eq!(values[&requests("GET", "/auth/v1/health/live", 200)], "1");
    assert_eq!(values[&requests("GET", "unknown", 404)], "1");
    assert_eq!(values[&requests("OTHER", "unknown", 404)], "1");
    assert!(!text.contains(id) && !text.contains("STRANGE"), "what was asked is in: {text}");
    assert!(!text.contains("203.0.113"), "an address is in: {text}");

    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            families.push(family.split(' ').next().unwrap());
        } else {
            let family = families.last().expect("a type before its series");
            assert!(line.starts_with(family), "{line} stands under {family}");
        }
    }
    assert_eq!(families, ["auth_http_request_duration_seconds", "auth_http_requests_total"]);

    for route in [template, "/auth/v1/health/live", "unknown"] {
        let start = format!(r#"auth_http_request_duration_seconds_bucket{{route="{route}",le=""#);
        let buckets: Vec<(f64, u64)> = text
            .lines()
            .filter_map(|line| line.strip_prefix(&start)?.split_once("\"} "))
            .map(|(bound, count)| (bound.parse().unwrap(), count.parse().unwrap()))
            .collect();
        assert_eq!(buckets.len(), 9, "{route}: {buckets:?}");
        for pair in buckets.windows(2) {
            assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1, "{route}: {buckets:?}");
        }
        let (bound, count) = buckets[8];
        assert!(bound.is_infinite(), "{route}: {buckets:?}");
        let of = |part: &str| {
            &values[&format!(r#"auth_http_request_duration_seconds_{part}{{route="{route}"}}"#)]
        };
        assert_eq!(of("count"), &count.to_string(), "{route}");
        assert!(of("sum").parse::<f64>().is_ok(), "{route}");
    }
}

#[tokio::test]
async fn the_counters_of_two_sandboxes_make_one_sum() {
    let one = Service::start().await;
    let other = Service::over(one.stores.clone(), &[]).await;
    let live = requests("GET", "/auth/v1/health/live", 200);
    for service in [&one, &one, &one, &other, &other] {
        let _ = service.client().get("/auth/v1/health/live").await.expect(200);
    }
    // The first hands its counters over with a request that goes to Redis anyway; its memory
    // may then be lost.
    let _ = one.client().get("/auth/.well-known/jwks.json").await.expect(200);
    let (_, values) = scrape(&other.client()).await;
    assert_eq!(values[&live], "5");
    let (_, values) = scrape(&one.client()).await;
    assert_eq!(values[&live], "5", "counted twice");
}

#[tokio::test]
async fn metrics_that_are_off_are_not_there_and_not_counted() {
    let service = Service::with(&[("METRICS_ENABLED", "false"), ("METRICS_TOKEN", TOKEN)]).await;
    service.client().get("/metrics").await.refused(404, "not_found");
    service.client().bearer(TOKEN).get("/metrics").await.refused(404, "not_found");
    // A sign-up counts codes and accounts, and its requests could carry the counters to Redis.
    let session = service.client().sign_up("+33612345678").await;
    service.advance(std::time::Duration::from_mins(1));
    let _ = service.client().ws_token(&session.access).await.expect(200);
    service.state.core.set_gauges(&[("auth_key_devices", 1)], service.now()).await;
    let mut redis = service.redis().await;
    let kept: bool = redis::cmd("EXISTS").arg("metrics").query_async(&mut redis).await.unwrap();
    assert!(!kept, "counters are kept");
}

/// As the template deploys it: nobody has set a token.
#[tokio::test]
async fn away_from_a_laptop_there_are_no_metrics_without_a_token() {
    let service = Service::with(&[("STAGE", "dev"), ("SMS_SENDER", "inbox")]).await;
    service.client().get("/metrics").await.refused(404, "not_found");
    service.client().bearer("").get("/metrics").await.refused(404, "not_found");
}

#[tokio::test]
async fn metrics_are_read_with_their_token_alone() {
    let token = [("METRICS_TOKEN", TOKEN)];
    let away = [("STAGE", "dev"), ("SMS_SENDER", "inbox"), token[0]];
    for variables in [token.as_slice(), away.as_slice()] {
        let service = Service::with(variables).await;
        let client = service.client();
        let refused = client.get("/metrics").await.refused(401, "metrics_forbidden");
        assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
        for wrong in [
            "a-metrics-token-of-32-character",
            "a-metrics-token-of-32-characters2",
            "A-metrics-token-of-32-characters",
            "",
        ] {
            let reply = client.clone().bearer(wrong).get("/metrics").await;
            reply.refused(401, "metrics_forbidden");
        }
        let basic = client.clone().with_header("authorization", &format!("Basic {TOKEN}"));
        basic.get("/metrics").await.refused(401, "metrics_forbidden");
        let in_the_address = client.get(&format!("/metrics?token={TOKEN}")).await;
        in_the_address.refused(401, "metrics_forbidden");
        scrape(&client.clone().bearer(TOKEN)).await;
    }
    // A user's token opens nothing here, and the metrics token nothing elsewhere.
    let service = Service::with(&token).await;
    let session = service.client().sign_up("+33612345678").await;
    let user = service.client().bearer(&session.access);
    user.get("/metrics").await.refused(401, "metrics_forbidden");
    service.client().ws_token(TOKEN).await.refused(401, "token_invalid");
}

//! Behind CloudFront: only requests with its secret are served, and the address is the one
//! that it saw. An HTTP API cannot be closed to the rest of the internet.

use super::{CODE_REQUEST, JWKS, PHONE};
use serde_json::json;
use shared::config::{CoreConfig, Environment};
use shared::secrets::SecretName;
use std::sync::Arc;
use tests::{Client, Service};

const SECRET: &str = "an-origin-secret-of-32-characters";
const NEXT: &str = "the-next-secret-for-the-same-origin";
const VIEWER: &str = "cloudfront-viewer-address";

/// A service behind a distribution that sends one of two secrets.
async fn behind_cloudfront() -> Service {
    Service::with(&[("ORIGIN_VERIFY_SECRET", &format!("{SECRET}, {NEXT}"))]).await
}

fn through(service: &Service, viewer: &str) -> Client {
    service.client().with_header("x-origin-verify", SECRET).with_header(VIEWER, viewer)
}

#[tokio::test]
async fn without_the_secret_nothing_is_answered_and_nothing_is_counted() {
    let service = behind_cloudfront().await;
    let wrong = format!("{SECRET}x");
    let both = format!("{SECRET}, {NEXT}");
    for secret in [None, Some(""), Some("guess"), Some(wrong.as_str()), Some(both.as_str())] {
        let client = service.client().with_header(VIEWER, "198.51.100.1:443");
        let client = match secret {
            None => client,
            Some(secret) => client.with_header("x-origin-verify", secret),
        };
        for path in [JWKS, "/auth/v1/health/ready", "/auth/v1/none", "/metrics", "/dev/inbox"] {
            let reply = client.get(path).await.refused(403, "origin_unverified");
            assert_eq!(reply.header("ratelimit-limit"), None, "{path}");
        }
        let body = json!({ "phoneNumber": PHONE });
        client.post(CODE_REQUEST, body).await.refused(403, "origin_unverified");
    }
    assert!(service.inbox().await.is_empty());
    let mut redis = service.redis().await;
    let counted: Vec<String> =
        redis::cmd("KEYS").arg("rate_limit:*").query_async(&mut redis).await.unwrap();
    assert!(counted.is_empty(), "{counted:?}");
}

#[tokio::test]
async fn both_secrets_of_a_rotation_are_accepted_once_each() {
    let service = behind_cloudfront().await;
    for secret in [SECRET, NEXT] {
        let client = service.client().with_header(VIEWER, "198.51.100.1:443");
        let client = client.with_header("x-origin-verify", secret);
        let _ = client.get(JWKS).await.expect(200);
        let _ = client.get("/auth/v1/health").await.expect(200);
        // A second value beside the distribution's own is a client's.
        let doubled = client.with_header("x-origin-verify", SECRET).get(JWKS).await;
        doubled.refused(403, "origin_unverified");
    }
}

#[tokio::test]
async fn the_address_is_the_viewers_and_no_other() {
    let service = behind_cloudfront().await;
    let left = async |viewer: &str| {
        let client = through(&service, viewer).with_header("x-forwarded-for", "192.0.2.9");
        let reply = client.get(JWKS).await.expect(200);
        reply.header("ratelimit-remaining").unwrap().to_owned()
    };
    assert_eq!(left("198.51.100.1:443").await, "299");
    assert_eq!(left("198.51.100.1:50000").await, "298");
    assert_eq!(left("198.51.100.2:443").await, "299");
    // As CloudFront writes it, without brackets, and as a URL would have it.
    assert_eq!(left("2001:db8::1:443").await, "299");
    assert_eq!(left("[2001:db8::2]:443").await, "298");

    // The gateway saw the distribution, whose address counts for nobody.
    let id = through(&service, "198.51.100.3:1").verified("register", PHONE).await;
    let register = through(&service, "198.51.100.4:1");
    let reply = register.post("/auth/v1/register", json!({ "verificationId": id })).await;
    let _ = reply.expect(201);
    let kept = "SELECT count(*) FROM auth.login_history WHERE ip_address = '198.51.100.4'";
    assert_eq!(service.count(kept).await, 1);
}

#[tokio::test]
async fn a_missing_or_malformed_address_is_refused() {
    let service = behind_cloudfront().await;
    let verified = service.client().with_header("x-origin-verify", SECRET);
    verified.get(JWKS).await.refused(403, "origin_unverified");
    for malformed in [
        "",
        "198.51.100.1",
        "198.51.100.1:",
        "198.51.100.1:port",
        "198.51.100.1:65536",
        "198.51.100.1:443, 192.0.2.1:443",
        "198.51.100.256:443",
        ":443",
        "2001:db8:0:0:0:0:0:1",
        "[2001:db8::1]",
        "[198.51.100.1]:443",
        "[2001:db8::1:443",
        "2001:db8::1]:443",
        "localhost:443",
        "198.51.100.1:+443",
    ] {
        let reply = through(&service, malformed).get(JWKS).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (403, "origin_unverified".into()),
            "{malformed}"
        );
    }
    let doubled = through(&service, "198.51.100.1:443").with_header(VIEWER, "192.0.2.1:443");
    doubled.get(JWKS).await.refused(403, "origin_unverified");
}

/// A function of the distribution writes the address into a header of its own. CloudFront's name is then a
/// viewer's own word, which the distribution forwards as it is.
#[tokio::test]
async fn only_the_header_that_the_distribution_writes_is_believed() {
    let variables =
        [("ORIGIN_VERIFY_SECRET", SECRET), ("VIEWER_ADDRESS_HEADER", "X-Viewer-Address")];
    let service = Service::with(&variables).await;
    let written = |address: &str| {
        let client = service.client().with_header("x-origin-verify", SECRET);
        client.with_header("x-viewer-address", address)
    };
    for (n, address) in ["198.51.100.1", "2001:db8::1"].into_iter().enumerate() {
        for left in ["299", "298"] {
            let client = written(address).with_header(VIEWER, &format!("192.0.2.{n}:443"));
            let reply = client.get(JWKS).await.expect(200);
            assert_eq!(reply.header("ratelimit-remaining"), Some(left), "{address}");
        }
    }
    for malformed in ["", "198.51.100.1:443", "198.51.100.1, 192.0.2.1", "[2001:db8::2]", "host"] {
        written(malformed).get(JWKS).await.refused(403, "origin_unverified");
    }
    through(&service, "198.51.100.1:443").get(JWKS).await.refused(403, "origin_unverified");
}

/// Without the variable, the headers of CloudFront are a client's own words.
#[tokio::test]
async fn without_the_variable_the_headers_are_ignored() {
    let service = Service::start().await;
    for n in 0..3 {
        let client = through(&service, &format!("198.51.100.{n}:443"));
        let reply = client.get(JWKS).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), Some((299 - n).to_string().as_str()));
    }
}

#[tokio::test]
async fn a_secret_that_can_be_guessed_is_refused_at_the_start() {
    let is_refused = async |value: &str| {
        let value = value.to_owned();
        let lookup =
            Arc::new(move |name: &str| (name == "ORIGIN_VERIFY_SECRET").then(|| value.clone()));
        let secrets = [SecretName::OriginVerifySecret];
        let environment = Environment::from_lookup(lookup, &secrets).await.unwrap();
        let mut env = environment.reader();
        let _ = CoreConfig::read(&mut env);
        let errors = env.finish(Some(())).expect_err("stores are missing").0;
        errors.iter().any(|error| error.variable == "ORIGIN_VERIFY_SECRET")
    };
    for good in ["", SECRET, &format!("{SECRET},{NEXT}"), &"x".repeat(32)] {
        assert!(!is_refused(good).await, "{good}");
    }
    let three = format!("{SECRET},{NEXT},{}", "x".repeat(32));
    let empty = format!("{SECRET},");
    for bad in [&"x".repeat(31), &three, &empty, &format!("{SECRET},short")] {
        assert!(is_refused(bad).await, "{bad}");
    }
}

//! Ids in the path, methods, paths and tokens that nothing takes.

use super::{Fixture, Tried, fill, operations};
use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::Service;
use tests::contract::DOCUMENT;
use tests::service::{HOME, json_request};

/// What is no UUID, or none in its hyphenated form.
pub const NO_UUIDS: &[&str] = &[
    "x",
    "0",
    "-1",
    "null",
    "undefined",
    "0190a5d0000070008000000000000000",
    "{0190a5d0-0000-7000-8000-000000000000}",
    "urn:uuid:0190a5d0-0000-7000-8000-000000000000",
    "0190a5d0-0000-7000-8000-00000000000",
    "0190a5d0-0000-7000-8000-0000000000000",
    "0190a5d0-0000-7000-8000-00000000000g",
    "0190a5d0-0000-7000-8000_000000000000",
    "0190a5d000007-000-8000-0-00000000000",
    " 190a5d0-0000-7000-8000-000000000000",
    "'; DROP TABLE auth.users_auth; --...",
    "../../../../../../../../../etc/passwd",
    "0190a5d0-0000-7000-8000-00000000000é",
    "%",
];

/// As it may stand in a path.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}

#[tokio::test]
async fn ids_in_the_path_that_are_no_uuid_are_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    let encoded = NO_UUIDS.iter().map(|id| percent_encoded(id));
    let raw = [
        "%00",
        "%ff",
        "%c3%28",
        "%ed%a0%80",
        "%f0%9f%98%80",
        "%2e%2e",
        "%zz",
        "%",
        "%2",
        "a%2fb",
        "..",
        "verification:*",
        "0190a5d0-0000-7000-8000-00000000000%00",
        "0190a5d0-0000-7000-8000-0000000000%ff",
    ];
    let ids: Vec<_> = encoded.chain(raw.map(str::to_owned)).chain(["x".repeat(8000)]).collect();
    for operation in operations() {
        let real = fixture.path(&operation);
        for (n, _) in operation.path.split('/').enumerate().filter(|(_, p)| p.starts_with('{')) {
            for id in &ids {
                let mut parts: Vec<&str> = real.split('/').collect();
                parts[n] = id;
                let path = parts.join("/");
                let client = fixture.client(&operation);
                let reply = client.send(operation.method.clone(), &path, &json!({})).await;
                assert_eq!(reply.code(), "id_malformed", "{path:.80}");
                assert!(!reply.json().to_string().contains("etc/passwd"));
                tried.one();
            }
        }
    }
    tried.at_least(250);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_offer_is_refused_with_those_it_does() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO"];
    for (template, offered) in DOCUMENT["paths"].as_object().unwrap() {
        let path = fill(template, "0190a5d0-0000-4000-8000-000000000000");
        let mut allowed: BTreeSet<String> =
            offered.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let others = methods.iter().filter(|method| !allowed.contains(**method));
        let others: Vec<Method> = others.map(|method| method.parse().unwrap()).collect();
        // HEAD is for pages: of a take it would be one more.
        if offered["get"]["tags"] == json!(["platform"]) {
            allowed.insert("HEAD".to_owned());
        }
        for method in others {
            for content_type in ["application/json", "text/plain"] {
                let request = Request::builder()
                    .method(method.clone())
                    .uri(&path)
                    .header(header::CONTENT_TYPE, content_type)
                    .body(Body::from(r#"{"phoneNumber":"+33612345678"}"#));
                let reply = fixture.service.send(request.unwrap(), HOME).await;
                let reply = reply.refused(405, "method_not_allowed");
                let allow = reply.header("allow").unwrap().split(',');
                let allow: BTreeSet<_> = allow.map(|method| method.trim().to_owned()).collect();
                assert_eq!(allow, allowed, "{method} {path}");
                tried.one();
            }
        }
    }
    tried.at_least(250);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn head_is_get_without_a_body_for_pages_and_nothing_elsewhere() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    for (template, offered) in DOCUMENT["paths"].as_object().unwrap() {
        let path = fill(template, "0190a5d0-0000-4000-8000-000000000000");
        let [head, get] = [Method::HEAD, Method::GET]
            .map(|method| service.send_unchecked(json_request(method, &path, &json!({})), HOME));
        let (head, get) = (head.await, get.await);
        let is_page = offered["get"]["tags"] == json!(["platform"]);
        let expected = if is_page { get.status.as_u16() } else { 405 };
        assert_eq!(head.status, expected, "{path}");
    }
}

#[tokio::test]
async fn paths_that_nobody_has_are_not_found() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let body = json!({ "phoneNumber": "+33612345678" });
    for path in [
        "/",
        "/auth",
        "/auth/",
        "/auth/v1",
        "/auth/v1/",
        "/auth/v2/login",
        "/auth/v1/login/",
        "/auth/v1//login",
        "//auth/v1/login",
        "/AUTH/V1/LOGIN",
        "/auth/v1/%6cogin",
        "/auth/v1/log%00in",
        "/auth/v1/../v1/login",
        "/auth/v1/verify",
        "/auth/v1/verify/",
        "/auth/v1/verify/register/request/",
        "/auth/v1/verify/register/request/x",
        "/auth/v1/verify/0190a5d0-0000-4000-8000-000000000000/resend/x",
        "/auth/v1/verify/0190a5d0-0000-4000-8000-000000000000/confirm",
        "/auth/v1/nothing",
        "/auth/swagger/nothing.js",
        "/auth/swagger/../../../../etc/passwd",
        "/auth/swagger/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/auth/swagger/%ff",
        "/dev/",
        "/dev/app.mjs",
        "/dev/inbox/0",
        "/.env",
        "/%00",
        "/%ff",
        "/%",
        "/metrics/",
    ] {
        let reply = client.get(path).await;
        assert_eq!((reply.status.as_u16(), &*reply.code()), (404, "not_found"), "{path}");
        assert!(!String::from_utf8_lossy(&reply.body).contains(path) || path.len() < 3, "{path}");
        // The files of the documentation exist for GET alone.
        if !path.starts_with("/auth/swagger/") {
            for method in [Method::POST, Method::DELETE, Method::OPTIONS, "FOO".parse().unwrap()] {
                client.send(method, path, &body).await.refused(404, "not_found");
            }
        }
    }
    assert!(service.inbox().await.is_empty());
}

#[tokio::test]
async fn bearer_routes_refuse_whoever_shows_no_token_before_they_read_the_body() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    let good = &fixture.session.access;
    let shown = [
        (None, "token_missing"),
        (Some(String::new()), "token_missing"),
        (Some("Bearer".to_owned()), "token_missing"),
        (Some("Bearer ".to_owned()), "token_invalid"),
        (Some(good.clone()), "token_missing"),
        (Some(format!("Basic {good}")), "token_missing"),
        (Some(format!("Bearer {good}x")), "token_invalid"),
        (Some(format!("Bearer {good} {good}")), "token_invalid"),
        (Some(format!("Bearer {good},{good}")), "token_invalid"),
        (Some(format!("Bearer {}", &good[..good.len() - 1])), "token_invalid"),
        (Some(format!("Bearer {}", fixture.session.refresh)), "token_invalid"),
        (Some(format!("Bearer {}", "x".repeat(100_000))), "token_invalid"),
        (Some("Bearer ...".to_owned()), "token_invalid"),
        (Some("Bearer null".to_owned()), "token_invalid"),
    ];
    for operation in operations().iter().filter(|operation| operation.takes_bearer) {
        for (authorization, code) in &shown {
            for body in [json!({}), Value::Null, json!({ "deviceId": 1 })] {
                let mut request =
                    json_request(operation.method.clone(), &fixture.path(operation), &body);
                if let Some(value) = authorization {
                    request.headers_mut().insert(header::AUTHORIZATION, value.parse().unwrap());
                }
                fixture.service.send(request, HOME).await.refused(401, code);
                tried.one();
            }
        }
        // Bytes that are no text.
        let mut request =
            json_request(operation.method.clone(), &fixture.path(operation), &json!({}));
        let value = http::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
        fixture.service.send(request, HOME).await.refused(401, "token_missing");
    }
    tried.at_least(100);
    assert_eq!(fixture.state().await, before);
}

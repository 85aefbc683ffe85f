//! What every answer must hold, whatever it was asked: checked on every answer of every
//! test, against the document that the routers make.

use http::Method;
use serde_json::Value;
use std::sync::LazyLock;

use crate::reply::Reply;
use crate::secrets;

/// The OpenAPI document of all functions.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(local::openapi()).expect("a document"));

/// The operation behind a request, as the document has it, if it has one.
#[must_use]
pub fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let paths = DOCUMENT["paths"].as_object()?;
    let matching = paths.iter().filter(|(template, _)| {
        let template: Vec<&str> = template.split('/').collect();
        template.len() == segments.len()
            && template.iter().zip(&segments).all(|(t, s)| t == s || t.starts_with('{'))
    });
    // A literal segment wins over a parameter, as in the router.
    let (_, item) = matching.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.as_str().to_lowercase())
}

/// Checks an answer.
///
/// # Panics
/// If it breaks the contract.
pub fn check(method: &Method, path: &str, reply: &Reply) {
    let status = reply.status.as_u16();
    let place = format!("{method} {path} → {status}: {}", String::from_utf8_lossy(&reply.body));
    for (name, value) in [
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name} of {place}");
    }
    let policy = reply.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'self'"), "content policy of {place}");
    let id = reply.header("x-request-id").unwrap_or_default();
    assert!(!id.is_empty(), "request id of {place}");
    if let Some(operation) = operation(method, path) {
        let documented = operation["responses"].get(status.to_string());
        assert!(documented.is_some(), "a status that is not documented: {place}");
    } else {
        assert!(matches!(status, 400..=499 | 200 | 503), "no operation answers so: {place}");
    }
    // The documentation has examples, the inbox is what a phone would show.
    // An export is all that the user told us.
    let is_page = path.starts_with("/auth/swagger")
        || path.starts_with("/dev")
        || path == "/auth/v1/account/export";
    if !is_page {
        let found = secrets::in_answer(&String::from_utf8_lossy(&reply.body));
        assert_eq!(found, None, "a secret in an answer: {place}");
    }
    if path == "/metrics" {
        let text = String::from_utf8_lossy(&reply.body);
        // Values are numbers of all kinds; what could leak are the labels.
        let labels = text.lines().filter_map(|line| line.split_once('}')).map(|(series, _)| series);
        let found = secrets::in_metrics(&labels.collect::<Vec<_>>().join("\n"));
        assert_eq!(found, None, "a secret in a metric");
    }
    assert_eq!(secrets::leaks(), Vec::<String>::new(), "a secret in the log");
    let is_health = path.starts_with("/auth/v1/health");
    if status >= 400 && !is_health {
        check_problem(&place, id, reply);
    }
    if reply.json()["accessToken"].is_string() {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "tokens are kept: {place}");
    }
}

fn check_problem(place: &str, id: &str, reply: &Reply) {
    let status = reply.status.as_u16();
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{place}");
    let wait = reply.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
    assert_eq!(wait.is_some(), matches!(status, 429 | 503), "{place}");
    assert_eq!(reply.header("www-authenticate").is_some(), status == 401, "{place}");
    assert_eq!(reply.header("allow").is_some(), status == 405, "{place}");
    if reply.body.is_empty() && place.starts_with("HEAD ") {
        return;
    }
    let body = reply.json();
    for name in ["type", "title", "detail", "code"] {
        assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "{name} of {place}");
    }
    assert_eq!((&body["status"], &body["statusCode"]), (&status.into(), &status.into()), "{place}");
    assert_eq!(body["requestId"], id, "{place}");
    let known = shared::http::problem::Code::ALL.iter().any(|code| body["code"] == code.as_str());
    assert!(known, "an unknown code: {place}");
    if body["code"] == "validation_failed" {
        let errors = body["errors"].as_array().map_or(0, Vec::len);
        assert!(errors > 0, "{place}");
    }
    assert_eq!(body["message"], body["detail"], "{place}");
    assert_eq!(body.get("error").is_none(), matches!(status, 413 | 429), "{place}");
    assert_eq!(wait, body["retryAfterSeconds"].as_u64(), "{place}");
    check_against_example(place, &body);
}

/// A refusal looks as the document shows it. Those of the router belong to no operation.
fn check_against_example(place: &str, body: &Value) {
    let code = body["code"].as_str().unwrap_or_default();
    let example = &DOCUMENT["components"]["examples"][code]["value"];
    let (Some(example), Some(body)) = (example.as_object(), body.as_object()) else { return };
    let varying = [
        "requestId",
        "errors",
        "attemptsLeft",
        "retryAfterSeconds",
        "allowedAt",
        "lapsesInSeconds",
        "devices",
    ];
    for name in example.keys().chain(body.keys()) {
        let (shown, given) = (example.get(name), body.get(name));
        let alike = shown == given || varying.contains(&name.as_str());
        assert!(alike && shown.is_some() == given.is_some(), "not as its example, {name}: {place}");
    }
}

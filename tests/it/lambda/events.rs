//! Events that hold what no well-behaved client sends, and events of other services: each gets
//! an answer of ours, and none ends the sandbox.

use super::{Sandbox, answer, event_with, invoke};
use crate::sources::read_json;
use axum::body::Body;
use http::{HeaderValue, Method, Request};
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::core::Core;
use std::sync::LazyLock;
use tests::stores::Stores;
use tests::{Reply, Service};

/// A recorded event for another path.
fn event_at(id: &str, path: &str, query: &str) -> Value {
    let mut event = read_json(&format!("events/{id}.json"));
    event["rawPath"] = json!(path);
    event["requestContext"]["http"]["path"] = json!(path);
    event["rawQueryString"] = json!(query);
    event
}

/// An answer of ours: our headers, and a body in our format.
fn refused(answer: &Value, status: u16, code: &str) -> Reply {
    let reply = Reply::of_gateway(answer);
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.json()["requestId"], reply.header("x-request-id").unwrap());
    reply.refused(status, code)
}

#[tokio::test]
async fn a_query_may_hold_whatever_a_client_wrote() {
    let service = Service::start().await;
    for query in [
        r#"a="quoted"&b=<script>"#,
        "a=%zz&b=%",
        "a=%ff%fe",
        "{a}|\\^`b",
        "caf\u{e9}=\u{1f600}",
        "a b\tc\r\nd",
        "?#??",
        "\u{0}",
        "",
        &"a=b&".repeat(5_000),
    ] {
        let event = event_at("fetch_jwks", "/auth/.well-known/jwks.json", query);
        let _ = invoke(&service, "platform", &event).await.expect(200);
    }
}

#[tokio::test]
async fn a_path_may_hold_whatever_a_client_wrote() {
    let service = Service::start().await;
    for path in
        ["/auth/v1/\"<>", "/a b", "/%zz", "/%", "/caf\u{e9}", "/\u{0}", "//", "/?", "/#", "/{id}"]
    {
        let event = event_at("unknown_route", path, "a=\"");
        refused(&answer(&service, "platform", &event).await, 404, "not_found");
    }
    let long = "/".to_owned() + &"a".repeat(100_000);
    for path in ["", "no/slash", "http://elsewhere.example/auth/v1/health", "*", &long] {
        let event = event_at("unknown_route", path, "");
        refused(&answer(&service, "platform", &event).await, 404, "not_found");
    }
    for id in ["%zz", "%ff", "\"<id>\"", "caf\u{e9}", "%", "a%2fb", "?"] {
        let event = event_at("fetch_verification", &format!("/auth/v1/verify/{id}"), "");
        refused(&answer(&service, "verify", &event).await, 400, "id_malformed");
    }
}

#[tokio::test]
async fn a_header_may_hold_whatever_a_client_wrote() {
    let service = Service::start().await;
    let mut event = read_json("events/start_registration_verification.json");
    for (name, value) in [
        ("accept-language", json!("\u{fffd}\u{fffd}")),
        ("user-agent", json!("caf\u{e9} \u{1f600}")),
        ("x-request-id", json!("a\r\nset-cookie: b")),
        ("authorization", json!("Bearer \u{ff}")),
        ("x-null", Value::Null),
        ("x-number", json!(7)),
        ("x-list", json!(["a", "b"])),
        ("a name", json!("a")),
        ("", json!("a")),
        ("caf\u{e9}", json!("a")),
    ] {
        event["headers"][name] = value;
    }
    let reply = invoke(&service, "verify", &event).await.expect(200);
    let id = reply.header("x-request-id").unwrap();
    assert!(uuid::Uuid::try_parse(id).is_ok(), "{id}");

    let mut event = read_json("events/logout_session.json");
    for token in [json!("Bearer caf\u{e9}"), json!("Bearer \u{0}"), json!(7)] {
        event["headers"]["authorization"] = token;
        invoke(&service, "login", &event).await.refused(401, "token_missing");
    }
    event["headers"] = Value::Null;
    invoke(&service, "login", &event).await.refused(401, "token_missing");
}

/// On a laptop and in tests, header bytes reach the routes as they are.
#[tokio::test]
async fn header_bytes_that_are_no_text_are_as_good_as_absent() {
    let service = Service::start().await;
    let names =
        ["user-agent", "accept-language", "authorization", "x-request-id", "origin", "cookie"];
    for path in ["/auth/.well-known/jwks.json", "/auth/v1/health/live"] {
        let mut request = Request::builder().method(Method::GET).uri(path);
        for name in names {
            request = request.header(name, HeaderValue::from_bytes(b"\xff\xfe\x80").unwrap());
        }
        let request = request.body(Body::empty()).unwrap();
        let _ = service.client().send_request(request).await.expect(200);
    }
    let request = Request::builder().method(Method::POST).uri("/auth/v1/logout");
    let request = request.header("authorization", HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    let request = request.header("content-type", HeaderValue::from_bytes(b"\xff").unwrap());
    let request = request.body(Body::from("{}")).unwrap();
    service.client().send_request(request).await.refused(401, "token_missing");
}

#[tokio::test]
async fn a_body_in_base64_that_is_none_is_refused_by_its_route() {
    let service = Service::start().await;
    for body in ["{}", "e30", "e30=\n", "e30==", "\u{e9}", "====", "_-"] {
        let mut event = read_json("events/start_registration_verification.json");
        event["isBase64Encoded"] = json!(true);
        event["body"] = json!(body);
        let reply = invoke(&service, "verify", &event).await;
        let reply = reply.refused(400, "body_malformed");
        assert!(reply.header("ratelimit-limit").is_some(), "its address was counted");
        let mut event = read_json("events/logout_session.json");
        event["isBase64Encoded"] = json!(true);
        event["body"] = json!(body);
        event["headers"]["authorization"] = json!("Bearer none");
        // Another address: the requests above count as requests for codes.
        invoke(&service, "login", &event).await.refused(401, "token_invalid");
        service.advance(std::time::Duration::from_mins(1));
    }
    assert!(service.inbox().await.is_empty());
}

/// A Function URL speaks the same format, and tells the address in the same place.
#[tokio::test]
async fn an_event_of_a_function_url_is_served() {
    let service = Service::start().await;
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/auth/.well-known/jwks.json",
        "rawQueryString": "",
        "headers": { "x-forwarded-for": "192.0.2.1", "host": "id.lambda-url.eu-west-1.on.aws" },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "id",
            "domainName": "id.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "id",
            "http": {
                "method": "GET",
                "path": "/auth/.well-known/jwks.json",
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.1",
                "userAgent": "curl"
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "isBase64Encoded": false
    });
    for left in ["299", "298"] {
        let reply = invoke(&service, "platform", &event).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), Some(left));
    }
}

/// Payload 1.0, as a REST API sends it, and an HTTP API that is set to it.
fn payload_1() -> Value {
    json!({
        "version": "1.0",
        "resource": "/auth/v1/health/live",
        "path": "/auth/v1/health/live",
        "httpMethod": "GET",
        "headers": { "x-forwarded-for": "192.0.2.1" },
        "multiValueHeaders": { "x-forwarded-for": ["192.0.2.1"] },
        "queryStringParameters": { "a": "b" },
        "multiValueQueryStringParameters": { "a": ["b"] },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "httpMethod": "GET",
            "identity": { "sourceIp": "198.51.100.1" },
            "path": "/auth/v1/health/live",
            "requestTimeEpoch": 1_583_348_638_390_i64,
            "stage": "$default"
        },
        "pathParameters": null,
        "stageVariables": null,
        "body": null,
        "isBase64Encoded": false
    })
}

fn of_a_load_balancer() -> Value {
    json!({
        "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b" } },
        "httpMethod": "GET",
        "path": "/auth/v1/health/live",
        "queryStringParameters": {},
        "headers": { "x-forwarded-for": "192.0.2.1", "user-agent": "ELB-HealthChecker/2.0" },
        "body": "",
        "isBase64Encoded": false
    })
}

#[tokio::test]
async fn an_event_of_another_format_gets_one_clean_refusal() {
    let service = Service::start().await;
    let good = read_json("events/check_liveness.json");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut event = good.clone();
        change(&mut event);
        event
    };
    for event in [
        payload_1(),
        of_a_load_balancer(),
        json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} }),
        json!({ "Records": [{ "eventSource": "aws:sqs", "body": "{}" }] }),
        json!({ "version": "2.0", "path": "/a", "method": "GET", "headers": { "a": ["b"] },
                "requestContext": { "serviceArn": "arn", "timeEpoch": "1" } }),
        json!({ "requestContext": { "routeKey": "$connect", "eventType": "CONNECT" } }),
        json!({}),
        json!([]),
        json!([good]),
        Value::Null,
        json!("GET /auth/v1/health/live"),
        json!(7),
        with(&|event| event["version"] = json!("1.0")),
        with(&|event| event["version"] = json!(2.0)),
        with(&|event| event["rawPath"] = Value::Null),
        with(&|event| event["headers"] = json!(7)),
        with(&|event| event["body"] = json!({})),
        with(&|event| event["isBase64Encoded"] = json!("no")),
        with(&|event| event["requestContext"] = json!({})),
        with(&|event| event["requestContext"]["timeEpoch"] = json!("now")),
        with(&|event| event["requestContext"]["http"]["method"] = json!("")),
        with(&|event| event["requestContext"]["http"]["method"] = json!("GE T")),
    ] {
        refused(&answer(&service, "platform", &event).await, 500, "internal");
    }
    let _ = invoke(&service, "platform", &good).await.expect(200);
}

/// Texts that a parser of paths, queries and headers may stumble over.
fn awkward() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(
            &["%", "/", "?", "#", "\"", "<", ">", "\\", ":", "@", "//", "%zz", "%ff", "{"][..]
        )
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[ -~]{0,8}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn no_event_ends_its_sandbox(
        paths in prop::collection::vec(awkward(), 2),
        headers in prop::collection::vec((awkward(), awkward()), 0..4),
        known in prop::sample::select(&["host", "authorization", "x-forwarded-proto", "content-type"][..]),
        method in prop_oneof![Just("POST".to_owned()), awkward()],
        body in prop::option::of(awkward()),
        is_base64 in any::<bool>(),
    ) {
        let mut event = read_json("events/login_user.json");
        let prefix = if is_base64 { "/auth/v1/verify/" } else { "" };
        event["rawPath"] = json!(format!("{prefix}{}", paths[0]));
        event["rawQueryString"] = json!(paths[1]);
        for (name, value) in headers {
            event["headers"][known] = json!(&value);
            event["headers"][name] = json!(value);
        }
        event["requestContext"]["http"]["method"] = json!(method);
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(is_base64);
        let routes = axum::Router::new().route(
            "/auth/v1/verify/{id}",
            axum::routing::any(async |body: axum::body::Bytes| body),
        );
        let core = CORE.clone();
        let answered = RUNTIME.block_on(async {
            let sandbox = shared::lambda::service(routes, core);
            tests::lambda::invoke(sandbox, event).await.unwrap()
        });
        let reply = Reply::of_gateway(&answered);
        prop_assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        prop_assert!(!reply.header("x-request-id").unwrap().is_empty());
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

/// Of a service whose stores are never asked.
static CORE: LazyLock<Core> = LazyLock::new(|| {
    let nowhere = Stores::at("postgres://auth@127.0.0.1:1/auth", "redis://127.0.0.1:1/0");
    RUNTIME.block_on(Service::over(nowhere, &[])).state.core
});

/// Who has no address shares one with all that have none, and none is made of headers.
#[tokio::test]
async fn an_event_without_an_address_is_counted_with_all_others_without_one() {
    let service = Service::start().await;
    let mut event = read_json("events/fetch_jwks.json");
    for (left, address) in [
        ("299", Value::Null),
        ("298", json!("")),
        ("297", json!("nowhere")),
        ("296", json!("1.2.3.4:5")),
    ] {
        event["requestContext"]["http"]["sourceIp"] = address;
        event["headers"]["x-forwarded-for"] = json!(format!("192.0.2.{left}"));
        let reply = invoke(&service, "platform", &event).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), Some(left));
    }
}

#[tokio::test]
async fn several_values_of_a_header_of_ours_are_one_text() {
    let service = Service::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let mut event = event_at("unknown_route", "/auth/v1/login", "");
    event["requestContext"]["http"]["method"] = json!("OPTIONS");
    event["headers"]["origin"] = json!("https://app.example.com");
    event["headers"]["access-control-request-method"] = json!("POST");
    event["headers"]["access-control-request-headers"] = json!("x-device-type");
    let reply = Reply::of_gateway(&answer(&service, "platform", &event).await).expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example.com"));
    let vary = reply.header("vary").unwrap();
    assert!(vary.contains("origin") && !vary.ends_with(','), "{vary}");
}

/// What is no JSON is refused by the runtime, which goes on.
#[tokio::test]
async fn a_sandbox_survives_every_event() {
    let (_service, variables) = super::service_and_variables().await;
    let mut verify = Sandbox::start("verify", &variables).await;
    let event = read_json("events/fetch_verification.json").to_string();
    let broken = [
        event
            .clone()
            .into_bytes()
            .into_iter()
            .map(|byte| if byte == b'v' { 0xff } else { byte })
            .collect(),
        b"{".to_vec(),
        b"".to_vec(),
        event.replace("2.0", "2.0\\ud800").into_bytes(),
    ];
    for event in broken {
        let (kind, _) = verify.invoke_with(event.into()).await;
        assert_eq!(kind, "error");
    }
    for event in [payload_1(), of_a_load_balancer()] {
        let (kind, answered) = verify.invoke_with(event.to_string().into()).await;
        assert_eq!(kind, "response");
        refused(&answered, 500, "internal");
    }
    let mut quoted = event_at("fetch_verification", "/auth/v1/verify/\"<>%zz", "a=\"<b>\"");
    quoted["headers"]["user-agent"] = json!("\u{fffd}");
    let (kind, answered) = verify.invoke_with(quoted.to_string().into()).await;
    assert_eq!(kind, "response");
    refused(&answered, 400, "id_malformed");
    let start =
        event_with("start_registration_verification", &json!({ "phoneNumber": "+33612345678" }));
    let _ = verify.invoke(&start).await.expect(200);
}

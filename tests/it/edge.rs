//! What every request meets, whatever it asks: unknown routes and methods at both edges,
//! CORS, request ids, limits, the order of refusals, panics and the deadline.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request};
use serde_json::json;
use shared::config::{CoreConfig, Environment, Lookup};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tests::contract::DOCUMENT;
use tests::stores::Stores;
use tests::{Client, Keys, Reply, Service};

use crate::sources::operations;

const JWKS: &str = "/auth/.well-known/jwks.json";

fn request(method: &Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// Status, code and `Allow`, as an edge tells them; a HEAD has no body for the code.
async fn told(edge: &Service, method: &Method, path: &str) -> (u16, String, Option<String>) {
    let reply = edge.client().send_request(request(method, path)).await;
    // Their order means nothing (RFC 9110, section 10.2.1).
    let allow = reply.header("allow").map(|methods| {
        let mut methods: Vec<&str> = methods.split(',').collect();
        methods.sort_unstable();
        methods.join(",")
    });
    assert_eq!(reply.body.is_empty(), method == Method::HEAD, "{method} {path}");
    (reply.status.as_u16(), reply.code(), allow)
}

/// `platform` as its own function serves it.
fn platform_alone(service: &Service) -> Router {
    let platform = service.state.platform.clone();
    shared::http::serve(platform::router().with_state(platform), service.state.core.clone())
}

/// The two edges: all routers joined on a laptop; behind the gateway, `platform` for all
/// that is no route of another function.
async fn both_edges() -> [Service; 2] {
    let local = Service::with(&[("RATE_LIMITS", "off")]).await;
    let default = local.clone().behind(platform_alone(&local));
    [local, default]
}

#[tokio::test]
async fn an_unknown_route_is_a_404_at_both_edges() {
    for edge in both_edges().await {
        for path in [
            "/",
            "/auth",
            "/auth/v1",
            "/auth/v1/",
            "/auth/v1/none",
            "/auth/v2/register",
            "/auth/v1/register/",
            "/auth/v1/register/more",
            "/auth/v1/verify",
            "/auth/v1/verify/",
            "//auth/v1/register",
            "/auth/v1/Register",
            "/auth/v1/verify/{verificationId}/none",
            "/metrics/",
            "/auth/v1/health/",
            "/auth/v1/%2e%2e/register",
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE, Method::HEAD, Method::OPTIONS]
            {
                let code = if method == Method::HEAD { "" } else { "not_found" };
                let expected = (404, code.to_owned(), None);
                assert_eq!(told(&edge, &method, path).await, expected, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_method_is_a_405_with_the_known_ones_at_both_edges() {
    let mut paths: BTreeMap<String, (bool, Vec<String>)> = BTreeMap::new();
    for one in operations() {
        let (pages, methods) = paths.entry(one.example_path()).or_default();
        // On platform's own pages a HEAD is as good as a GET, at both edges.
        *pages = one.function == "platform";
        methods.push(one.method.to_string());
        if *pages {
            methods.push("HEAD".to_owned());
        }
    }
    paths.insert(
        "/auth/swagger/swagger-ui.css".to_owned(),
        (true, vec!["GET".into(), "HEAD".into()]),
    );
    // An empty id is one to the router, if a bad one.
    paths.insert("/auth/v1/verify//resend".to_owned(), (false, vec!["POST".into()]));
    for (_, methods) in paths.values_mut() {
        methods.sort_unstable();
    }
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "STRANGE"];
    for edge in both_edges().await {
        for (path, (pages, known)) in &paths {
            for name in methods {
                let method: Method = name.parse().unwrap();
                if !known.contains(&name.to_owned()) {
                    let code = if name == "HEAD" { "" } else { "method_not_allowed" };
                    let expected = (405, code.to_owned(), Some(known.join(",")));
                    assert_eq!(told(&edge, &method, path).await, expected, "{name} {path}");
                } else if *pages {
                    let expected = (200, String::new(), None);
                    assert_eq!(told(&edge, &method, path).await, expected, "{name} {path}");
                }
            }
        }
    }
    assert!(paths.len() > DOCUMENT["paths"].as_object().unwrap().len());
}

/// A HEAD that reaches a function directly: it does not do the GET's work for an answer that
/// nobody receives.
#[tokio::test]
async fn a_head_takes_no_key_from_the_function_itself() {
    let service = Service::start().await;
    let bundle = Keys::new().bundle(1..3, 1..3);
    let session = service.client().sign_up_with("+33612345678", bundle).await;
    let prekeys = prekeys::router().with_state(service.state.prekeys.clone());
    let alone = shared::http::serve(prekeys, service.state.core.clone());
    let function = service.clone().behind(alone);
    let client = function.client().bearer(&session.access);
    let list = format!("/auth/v1/signal/keys/{}", session.user);
    for path in [format!("{list}/bundles"), format!("{list}/devices/{}", session.device)] {
        let reply = client.send_request(request(&Method::HEAD, &path)).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET")), "{path}");
        let used = "SELECT count(*) FROM auth.prekeys WHERE is_used";
        assert_eq!(service.count(used).await, 0, "{path}");
    }
}

const CORS: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
];

/// What a page may send; `x-device-type` is sent by the shipped app.
const SENT_BY_PAGES: [&str; 8] = [
    "accept",
    "authorization",
    "content-type",
    "dpop",
    "origin",
    "x-device-type",
    "x-request-id",
    "x-requested-with",
];

fn preflight(client: Client, origin: &str) -> Client {
    client
        .with_header("origin", origin)
        .with_header("access-control-request-method", "POST")
        .with_header("access-control-request-headers", "authorization,content-type")
}

#[tokio::test]
async fn no_browser_may_call_from_elsewhere_unless_it_is_listed() {
    let service = Service::start().await;
    let from = |client: Client| client.with_header("origin", "https://app.example.com");
    let answers = [
        from(service.client()).get(JWKS).await.expect(200),
        preflight(service.client(), "https://app.example.com")
            .send_request(request(&Method::OPTIONS, "/auth/v1/login"))
            .await
            .expect(405),
    ];
    for (reply, name) in answers.iter().flat_map(|reply| CORS.map(|name| (reply, name))) {
        assert_eq!(reply.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn listed_origins_may_call_and_read_what_they_need() {
    let list = "https://app.example.com,http://127.0.0.1:5173";
    let service = Service::with(&[("CORS_ORIGINS", list)]).await;
    for origin in list.split(',') {
        let asked = preflight(service.client(), origin);
        let asked =
            asked.send_request(request(&Method::OPTIONS, "/auth/v1/login")).await.expect(200);
        assert_eq!(asked.header("access-control-allow-origin"), Some(origin));
        let methods = asked.header("access-control-allow-methods").unwrap();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(methods.split(',').any(|one| one == method), "{methods}");
        }
        let headers = asked.header("access-control-allow-headers").unwrap();
        let mut headers: Vec<&str> = headers.split(',').collect();
        headers.sort_unstable();
        assert_eq!(headers, SENT_BY_PAGES);
        assert_eq!(asked.header("access-control-allow-credentials"), None);
        assert!(asked.header("vary").unwrap().contains("origin"), "caches mix the origins up");

        // The answer itself, and refusals too: a page must be able to read why.
        let client = service.client().with_header("origin", origin);
        let answers = [
            client.get(JWKS).await.expect(200),
            client.get("/auth/v1/none").await.expect(404),
            client.post("/auth/v1/login", json!([])).await.expect(400),
            client.post("/auth/v1/logout", json!({})).await.expect(401),
        ];
        for reply in answers {
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
            let exposed = reply.header("access-control-expose-headers").unwrap();
            for name in ["x-request-id", "retry-after", "ratelimit-remaining"] {
                assert!(exposed.split(',').any(|one| one == name), "{exposed}");
            }
        }
    }
    for stranger in ["https://evil.example", "https://app.example.com.evil.example", "null"] {
        let asked = preflight(service.client(), stranger);
        let asked = asked.send_request(request(&Method::OPTIONS, "/auth/v1/login")).await;
        assert_eq!(asked.header("access-control-allow-origin"), None, "{stranger}");
        let reply = service.client().with_header("origin", stranger).get(JWKS).await.expect(200);
        assert_eq!(reply.header("access-control-allow-origin"), None, "{stranger}");
    }
}

#[tokio::test]
async fn origins_that_no_browser_sends_are_refused_at_the_start() {
    let lookup = |origins: &str| -> Lookup {
        let origins = origins.to_owned();
        Arc::new(move |name| (name == "CORS_ORIGINS").then(|| origins.clone()))
    };
    let faults = async |origins: &str| {
        let environment = Environment::from_lookup(lookup(origins), &[]).await.unwrap();
        let mut env = environment.reader();
        let _ = CoreConfig::read(&mut env);
        let errors = env.finish(Some(())).expect_err("stores are missing").0;
        errors.iter().any(|error| error.variable == "CORS_ORIGINS")
    };
    for good in ["*", "https://app.example.com", "http://127.0.0.1:5173, https://b.example"] {
        assert!(!faults(good).await, "{good}");
    }
    for bad in [
        "*, https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/page",
        "https://APP.example.com",
        "https://app.example.com:443",
        "https://me@app.example.com",
        "https://*.example.com",
        "null",
        "app.example.com",
        "https://app.example.com,",
    ] {
        assert!(faults(bad).await, "{bad}");
    }
}

#[tokio::test]
async fn a_star_lets_every_origin_call() {
    let service = Service::with(&[("CORS_ORIGINS", "*")]).await;
    let asked = preflight(service.client(), "https://any.example");
    let asked = asked.send_request(request(&Method::OPTIONS, "/auth/v1/login")).await.expect(200);
    assert_eq!(asked.header("access-control-allow-origin"), Some("*"));
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    let reply = service.client().with_header("origin", "https://any.example").get(JWKS).await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_valid_request_id_comes_back_and_any_other_is_replaced() {
    let service = Service::start().await;
    let longest = "a".repeat(64);
    for id in ["x", "0190a5d0-0000-7000-8000-000000000000", "-", &longest] {
        let reply = service.client().with_header("x-request-id", id).get("/auth/v1/none").await;
        assert_eq!(reply.header("x-request-id"), Some(id));
        assert_eq!(reply.json()["requestId"], id);
    }
    let too_long = "a".repeat(65);
    let mut made = Vec::new();
    for id in ["", &too_long, "a b", "a_b", "é", "a;b", "<script>", "%0a"] {
        let reply = service.client().with_header("x-request-id", id).get("/auth/v1/none").await;
        made.push(reply.header("x-request-id").unwrap().to_owned());
    }
    made.push(service.client().get("/auth/v1/none").await.header("x-request-id").unwrap().into());
    for id in &made {
        let id = uuid::Uuid::try_parse(id).expect("a UUID");
        assert_eq!(id.get_version_num(), 4);
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 9, "an id twice");
}

/// Asks until told to wait; gives how often it was let in and the refusal.
async fn until_limited(ask: impl AsyncFn() -> Reply, at_most: u32) -> (u32, Reply) {
    for n in 0..=at_most {
        let reply = ask().await;
        if reply.status == 429 {
            return (n, reply);
        }
    }
    panic!("no limit after {at_most} requests");
}

#[tokio::test]
async fn an_account_asks_three_hundred_bearer_requests_a_minute_from_wherever() {
    let service = Service::start().await;
    let session = service.client().sign_up("+33612345678").await;
    let first = service.client().ws_token(&session.access).await.expect(200);
    assert_eq!(first.header("ratelimit-limit"), Some("300"));
    assert_eq!(first.header("ratelimit-remaining"), Some("299"));
    let ask = async || service.client().ws_token(&session.access).await;
    let (more, limited) = until_limited(ask, 300).await;
    assert_eq!(more, 299);
    limited.refused(429, "rate_limited");
    let elsewhere = service.client_at("198.51.100.1".parse().unwrap());
    elsewhere.ws_token(&session.access).await.refused(429, "rate_limited");
    // Before the body is looked at, and before anything is done.
    let logout = elsewhere.clone().bearer(&session.access).post("/auth/v1/logout", json!([])).await;
    logout.refused(429, "rate_limited");
    let another = elsewhere.sign_up("+33612345679").await;
    let _ = elsewhere.ws_token(&another.access).await.expect(200);
    service.advance(Duration::from_secs(1));
    let _ = elsewhere.ws_token(&session.access).await.expect(200);
}

#[tokio::test]
async fn limits_come_before_tokens_and_tokens_before_bodies() {
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "60/60")]).await;
    let session = service.client().sign_up("+33612345678").await;
    let client = service.client().bearer(&session.access);

    // 401 before 400.
    let stranger = service.client_at("198.51.100.1".parse().unwrap());
    stranger.post("/auth/v1/logout", json!([])).await.refused(401, "token_missing");
    client.post("/auth/v1/logout", json!([])).await.refused(400, "body_malformed");

    // 429 before 401: an ended session over its account's limit is told to wait.
    let _ = until_limited(async || service.client().ws_token(&session.access).await, 301).await;
    service.sql("UPDATE auth.sessions SET revoked_at = now(), revoked_for = 'logout'").await;
    client.post("/auth/v1/logout", json!({})).await.refused(429, "rate_limited");

    // 429 before 400, and what was refused with 400 was counted.
    let bad = [
        ("/auth/v1/register", json!([])),
        ("/auth/v1/login", json!({ "verificationId": "x" })),
        ("/auth/v1/tokens/refresh", json!({ "refreshToken": 7 })),
        ("/auth/v1/verify/register/confirm", json!({})),
        ("/auth/v1/verify/x/resend", json!({})),
    ];
    for (n, (path, body)) in bad.iter().enumerate() {
        let address: IpAddr = format!("198.51.100.{}", 10 + n).parse().unwrap();
        let client = service.client_at(address);
        let ask = async || client.post(path, body.clone()).await;
        assert_eq!(ask().await.status, 400, "{path}");
        let (more, limited) = until_limited(ask, 61).await;
        limited.refused(429, "rate_limited");
        // A resend is a request for a code, whatever else is wrong with it.
        assert_eq!(more, if path.ends_with("/resend") { 9 } else { 59 }, "{path}");
    }
}

#[tokio::test]
async fn with_limits_lifted_nobody_waits_and_nothing_is_told() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    for _ in 0..70 {
        let reply = service.client().get(JWKS).await.expect(200);
        assert_eq!(reply.header("ratelimit-limit"), None);
    }
}

/// A service whose stores are never asked, with routes that misbehave, called by a page.
async fn misbehaving() -> Service {
    let nowhere = Stores::at("postgres://auth@127.0.0.1:1/auth", "redis://127.0.0.1:1/0");
    let service = Service::over(nowhere, &[("CORS_ORIGINS", ORIGIN)]).await;
    let routes: Router = Router::new()
        .route("/panic", get(async || -> &'static str { panic!("the secret 123456") }))
        .route("/hang", get(std::future::pending::<&'static str>));
    let router = shared::http::serve(routes, service.state.core.clone());
    service.behind(router)
}

const ORIGIN: &str = "https://app.example.com";

async fn send_unchecked(service: &Service, path: &str) -> Reply {
    let address = "203.0.113.7".parse().unwrap();
    let mut request = request(&Method::GET, path);
    request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    service.send_unchecked(request, address).await
}

/// What lets a page of a listed origin read an answer.
fn assert_readable(reply: &Reply) {
    assert_eq!(reply.header("access-control-allow-origin"), Some(ORIGIN));
    let exposed = reply.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("retry-after") && exposed.contains("x-request-id"), "{exposed}");
}

#[tokio::test]
async fn a_panic_is_one_failed_request_that_tells_nothing() {
    let service = misbehaving().await;
    let reply = send_unchecked(&service, "/panic").await.refused(500, "internal");
    assert_eq!(reply.json()["requestId"], reply.header("x-request-id").unwrap());
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
    assert_readable(&reply);
    send_unchecked(&service, "/none").await.refused(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_answered_at_the_deadline() {
    let service = misbehaving().await;
    let began = tokio::time::Instant::now();
    let reply = send_unchecked(&service, "/hang").await.refused(503, "unavailable");
    // The clock is the test's own: it moves only when nothing else can happen.
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_readable(&reply);
}

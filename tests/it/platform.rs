//! The function `platform`: keys, health, documentation, the local inbox.

use http::{Method, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stores::{Options, Postgres, Redis};
use tests::stores::Stores;
use tests::{Reply, Service};
use tower::ServiceExt as _;

const JWKS: &str = "/auth/.well-known/jwks.json";

#[tokio::test]
async fn the_key_set_holds_the_key_of_every_token_and_no_private_part() {
    use base64::Engine as _;
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up("+33612345678").await;
    let reply = client.get(JWKS).await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    let set = reply.json();
    let keys = set["keys"].as_array().unwrap();
    for key in keys {
        let fields: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x", "y"], "{key}");
        assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-256")));
        assert_eq!((&key["alg"], &key["use"]), (&json!("ES256"), &json!("sig")));
    }
    let kids: BTreeSet<&str> = keys.iter().filter_map(|key| key["kid"].as_str()).collect();
    assert_eq!(kids.len(), keys.len(), "a kid twice");
    for token in [&session.access, &session.refresh] {
        let head = token.split('.').next().unwrap();
        let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap();
        let head: Value = serde_json::from_slice(&head).unwrap();
        assert!(kids.contains(head["kid"].as_str().unwrap()), "{head}");
    }
}

#[tokio::test]
async fn documentation_that_is_closed_is_no_page() {
    let service = Service::with(&[("DOCS", "off")]).await;
    for path in [
        "/auth/swagger",
        "/auth/swagger/",
        "/auth/swagger/index.html",
        "/auth/swagger/swagger-initializer.js",
        "/auth/swagger-json",
    ] {
        service.client().get(path).await.refused(404, "not_found");
    }
    let _ = service.client().get(JWKS).await.expect(200);
}

#[tokio::test]
async fn health_tells_that_all_is_well_and_is_never_limited() {
    let service = Service::start().await;
    let client = service.client();
    for _ in 0..70 {
        let _ = client.get("/auth/v1/health/live").await.expect(200);
    }
    for (path, body) in [
        ("/auth/v1/health/live", json!({ "status": "alive" })),
        ("/auth/v1/health", json!({ "status": "ok" })),
        (
            "/auth/v1/health/ready",
            json!({ "status": "ready", "database": "up", "redis": "up", "sms": "unchecked" }),
        ),
    ] {
        let reply = client.get(path).await.expect(200);
        assert_eq!(reply.json(), body, "{path}");
        assert_eq!(reply.header("ratelimit-limit"), None, "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
    }
    assert_eq!(client.get(JWKS).await.header("ratelimit-remaining"), Some("299"));
}

/// What health says while a store is away.
async fn assert_down(service: &Service, database: &str, redis: &str) {
    let client = service.client();
    let alive = client.get("/auth/v1/health/live").await.expect(200);
    assert_eq!(alive.json(), json!({ "status": "alive" }));
    let health = client.get("/auth/v1/health").await.expect(503);
    assert_eq!(health.json(), json!({ "status": "error" }));
    let ready = client.get("/auth/v1/health/ready").await.expect(503);
    let told =
        json!({ "status": "not ready", "database": database, "redis": redis, "sms": "unchecked" });
    assert_eq!(ready.json(), told);
    for reply in [health, ready] {
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("retry-after"), Some("2"));
    }
}

#[tokio::test]
async fn health_names_a_redis_that_is_down_and_recovers_with_it() {
    let mut redis = Redis::start(&Options::ephemeral()).unwrap();
    let mut stores = Stores::fresh().await;
    stores.redis_url = redis.url(1);
    let service = Service::over(stores, &[]).await;
    let _ = service.client().get("/auth/v1/health").await.expect(200);
    redis.kill();
    assert_down(&service, "up", "down").await;
    // What is safe without counting goes on, and claims no count.
    let keys = service.client().get(JWKS).await.expect(200);
    assert_eq!(keys.header("ratelimit-limit"), None);
    let metrics = service.client().get("/metrics").await;
    metrics.refused(503, "unavailable");
    redis.restart().unwrap();
    let ready = service.client().get("/auth/v1/health/ready").await.expect(200);
    assert_eq!(ready.json()["redis"], "up");
}

#[tokio::test]
async fn health_names_a_postgres_that_is_down_and_recovers_with_it() {
    let mut postgres = Postgres::start(&Options::ephemeral()).unwrap();
    let mut stores = Stores::fresh().await;
    stores.database_url = postgres.url("postgres");
    let service = Service::over(stores, &[]).await;
    let _ = service.client().get("/auth/v1/health").await.expect(200);
    postgres.kill();
    assert_down(&service, "down", "up").await;
    postgres.restart().unwrap();
    let ready = service.client().get("/auth/v1/health/ready").await.expect(200);
    assert_eq!(ready.json()["database"], "up");
}

#[tokio::test]
async fn health_answers_before_the_deadline_of_a_request_when_stores_only_hang() {
    // Connections are taken, by the system, and nobody ever says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let service = Service::over(
        Stores::at(format!("postgres://auth@{address}/auth"), format!("redis://{address}/0")),
        &[],
    )
    .await;
    // The deadline of a request would answer with a problem instead.
    assert_down(&service, "down", "down").await;
}

/// What a page fetches: the values of its `src` and `href` attributes.
fn references(html: &str) -> Vec<&str> {
    let parts = ["src=\"", "href=\""].into_iter().flat_map(|mark| html.split(mark).skip(1));
    parts.filter_map(|rest| rest.split('"').next()).collect()
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

#[tokio::test]
async fn the_documentation_is_a_page_whose_every_file_is_served_from_here() {
    let service = Service::start().await;
    let client = service.client();
    let page = client.get("/auth/swagger").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("img-src 'self' data:"), "{policy}");
    for (name, directive) in policy.split(';').filter_map(|part| part.trim().split_once(' ')) {
        let styles = name == "style-src" && directive == "'self' 'unsafe-inline'";
        assert!(styles || !directive.contains("unsafe"), "{policy}");
        assert!(!directive.contains("http") && !directive.contains('*'), "{policy}");
    }
    let html = text(&page);
    assert!(!html.contains("://"), "the page names another host: {html}");
    assert!(!html.split("<script").skip(1).any(|rest| !rest.starts_with(" src=")), "inline script");

    let base = html.split("<base href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(base, "/auth/swagger/");
    let mut seen = BTreeSet::new();
    for name in references(&html).into_iter().filter(|name| *name != base) {
        let path = format!("{base}{}", name.trim_start_matches("./"));
        let file = client.get(&path).await.expect(200);
        assert_eq!(file.header("content-security-policy"), Some(policy.as_str()), "{path}");
        let kind = file.header("content-type").unwrap();
        let (expected, begins): (&[&str], &[u8]) = match path.rsplit('.').next().unwrap() {
            "css" => (&["text/css"], b""),
            "js" => (&["text/javascript", "application/javascript"], b""),
            "png" => (&["image/png"], b"\x89PNG"),
            other => panic!("a file of another kind: {other}"),
        };
        assert!(expected.contains(&kind), "{path}: {kind}");
        assert!(file.body.len() > 100 && file.body.starts_with(begins), "{path}");
        assert!(kind == "image/png" || std::str::from_utf8(&file.body).is_ok(), "{path}");
        assert_eq!(file.header("content-encoding"), None, "{path}");
        seen.insert(path);
    }
    assert!(seen.len() >= 6, "{seen:?}");
    let initializer = text(&client.get("/auth/swagger/swagger-initializer.js").await.expect(200));
    assert!(initializer.contains("url: '/auth/swagger-json'"), "{initializer}");
    assert!(initializer.contains("validatorUrl: 'none'"), "{initializer}");
    assert!(!initializer.contains("://"), "{initializer}");

    let document = client.get("/auth/swagger-json").await.expect(200);
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert_eq!(text(&document), local::openapi_json());
    let slash = client.get("/auth/swagger/").await.expect(200);
    assert_eq!(slash.body, page.body);
}

#[tokio::test]
async fn the_documentation_serves_no_other_file() {
    let service = Service::start().await;
    let client = service.client();
    for file in [
        "none",
        "swagger-ui.css/",
        "/swagger-ui.css",
        "./swagger-ui.css",
        "../swagger-json",
        "../../Cargo.toml",
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "%2Fetc%2Fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "%ff",
        "%00",
        "swagger-ui.css%00.png",
        "index.html%20",
    ] {
        let reply = client.get(&format!("/auth/swagger/{file}")).await;
        reply.refused(404, "not_found");
    }
}

#[tokio::test]
async fn the_inbox_is_a_list_for_scripts_and_a_page_for_people() {
    let service = Service::start().await;
    let client = service.client();
    assert_eq!(client.get("/dev/inbox").await.expect(200).json(), json!([]));

    let (_, first) = client.start("register", "+33612345678").await;
    let (_, second) = client.start("register", "+14155552671").await;
    let list = client.get("/dev/inbox").await.expect(200).json();
    let of = |n: usize| [&list[n]["to"], &list[n]["code"]];
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(
        [of(0), of(1)],
        [[&json!("+14155552671"), &json!(second)], [&json!("+33612345678"), &json!(first)]]
    );
    for message in list.as_array().unwrap() {
        let names: Vec<_> = message.as_object().unwrap().keys().collect();
        assert_eq!(names, ["at", "body", "code", "to"]);
        assert!(message["body"].as_str().unwrap().contains(message["code"].as_str().unwrap()));
    }
    let browser = client.with_header("accept", "text/html,application/xml;q=0.9,*/*;q=0.8");
    let page = browser.get("/dev/inbox").await.expect(200);
    assert_eq!(page.body, browser.get("/dev").await.expect(200).body);
    assert!(!text(&page).contains(&second), "the page reads the list itself");
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_has_no_script_or_style_inside() {
    let service = Service::start().await;
    let client = service.client();
    let page = client.get("/dev").await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self'; img-src 'self' data:;"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = text(&page);
    for (path, kind) in [("/dev/app.js", "text/javascript"), ("/dev/app.css", "text/css")] {
        assert!(html.contains(&format!("\"{path}\"")), "{path} is not in the page");
        let file = client.get(path).await.expect(200);
        assert_eq!(file.header("content-type"), Some(format!("{kind}; charset=utf-8").as_str()));
    }
    assert_eq!(html.matches("<script").count(), 1);
    for banned in ["<style", " style=", " onclick=", "http:", "https:", "javascript:"] {
        assert!(!html.contains(banned), "{banned} in the page");
    }
}

/// What the local gateway has beside the functions.
const DEV_PATHS: [&str; 4] = ["/dev", "/dev/app.css", "/dev/app.js", "/dev/inbox"];

#[tokio::test]
async fn the_page_and_the_inbox_are_a_laptops_alone() {
    // Wherever else the service runs, even with the route in place it shows nothing.
    let elsewhere = [("STAGE", "dev"), ("METRICS_ENABLED", "false"), ("SMS_SENDER", "inbox")];
    let service = Service::with(&elsewhere).await;
    let _ = service.client().start("register", "+33612345678").await;
    for client in [service.client(), service.client().with_header("accept", "text/html")] {
        for path in DEV_PATHS {
            client.get(path).await.refused(404, "not_found");
        }
    }
    // And the functions do not have it.
    let service = Service::start().await;
    for (_, routes) in local::service::functions(&service.state) {
        let router = shared::http::serve(routes, service.state.core.clone());
        for (method, path) in
            [Method::GET, Method::POST].iter().flat_map(|m| DEV_PATHS.map(|p| (m, p)))
        {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(axum::body::Body::empty()).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 404, "{path}");
        }
    }
}

//! The routes: extract, ask, answer.

use crate::state::PlatformState;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use shared::crypto::constant_time_eq;
use shared::http::extract::RateLimited;
use shared::http::extract::auth::bearer;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::openapi::Head;
use shared::http::problem::{Code, Problem};
use shared::{endpoints, problems, telemetry};
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use utoipa::ToSchema;

use crate::docs::OPENAPI;
use crate::unknown::unknown_route;

/// A health answer comes within two seconds, whatever the stores do.
const PROBE_DEADLINE: Duration = Duration::from_millis(1800);
const KEEP_FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
const KEEP_AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// The page's own icons are data URLs, and it styles its elements directly.
const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
);

problems!(PublicProblems: ANY, []);
problems!(MetricsProblems: ANY, [MetricsForbidden, NotFound]);

endpoints!(
    PlatformState, Head::Answered;
    fetch_jwks,
    show_swagger,
    fetch_openapi,
    check_health,
    check_liveness,
    check_readiness,
    fetch_metrics,
);

pub fn router() -> Router<PlatformState> {
    endpoints()
        .route("/auth/swagger/", axum::routing::get(show_swagger))
        .route("/auth/swagger/{*file}", axum::routing::get(show_swagger_file))
        .fallback(unknown_route)
}

/// The keys that verify our tokens.
///
/// RFC 7517. The next key stands here before it signs, the previous one until its last
/// token has died: fetch again at most every five minutes, also for an unknown `kid`.
#[utoipa::path(get, path = "/auth/.well-known/jwks.json", tag = "platform",
    responses((status = 200, body = Jwks), PublicProblems))]
async fn fetch_jwks(
    State(state): State<PlatformState>,
    _: RateLimited<PublicRequests>,
) -> Result<Response, Problem> {
    Ok(kept_page(
        "application/json",
        KEEP_FIVE_MINUTES,
        state.public_keys.current().document().to_owned(),
    ))
}

/// The documentation, to read and to try.
#[utoipa::path(get, path = "/auth/swagger", tag = "platform",
    responses((status = 200, body = String, content_type = "text/html"), PublicProblems))]
async fn show_swagger(_: RateLimited<PublicRequests>) -> Result<Response, Problem> {
    let mut page = swagger_file("index.html")?;
    // The page names its files relatively, and the address has no slash at its end.
    let html = String::from_utf8_lossy(&page.1).replacen(
        "<head>",
        r#"<head><base href="/auth/swagger/">"#,
        1,
    );
    page.1 = html.into_bytes();
    Ok(swagger_response(page))
}

async fn show_swagger_file(
    _: RateLimited<PublicRequests>,
    file: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    let Path(file) = file.map_err(|_| Problem::new(Code::NotFound))?;
    swagger_file(&file).map(swagger_response)
}

static SWAGGER: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> = LazyLock::new(|| {
    let config = utoipa_swagger_ui::Config::from("/auth/swagger-json");
    // Else the page would ask a validator on the internet.
    Arc::new(config.validator_url("none"))
});

fn swagger_file(name: &str) -> Result<(String, Vec<u8>), Problem> {
    match utoipa_swagger_ui::serve(name, SWAGGER.clone()) {
        Ok(Some(file)) => Ok((file.content_type, file.bytes.into_owned())),
        Ok(None) | Err(_) => Err(Problem::new(Code::NotFound)),
    }
}

fn swagger_response((content_type, bytes): (String, Vec<u8>)) -> Response {
    let mut response = kept_page(&content_type, KEEP_AN_HOUR, bytes);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, SWAGGER_POLICY);
    response
}

/// The documentation, as OpenAPI 3.1.
#[utoipa::path(get, path = "/auth/swagger-json", tag = "platform",
    responses((status = 200, body = serde_json::Value), PublicProblems))]
async fn fetch_openapi(_: RateLimited<PublicRequests>) -> Result<Response, Problem> {
    Ok(kept_page("application/json", KEEP_FIVE_MINUTES, OPENAPI))
}

/// Whether the stores answer.
#[utoipa::path(get, path = "/auth/v1/health", tag = "platform",
    responses((status = 200, body = Health), (status = 503, body = Health, headers(("Retry-After" = String, description = "Whole seconds to wait.")))))]
async fn check_health(State(state): State<PlatformState>) -> Response {
    let (database, redis) = probe(&state).await;
    match (database, redis) {
        (Up::Up, Up::Up) => Json(Health { status: "ok" }).into_response(),
        _ => unready(Health { status: "error" }),
    }
}

/// Whether the function runs.
#[utoipa::path(get, path = "/auth/v1/health/live", tag = "platform",
    responses((status = 200, body = Health)))]
async fn check_liveness() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// Whether the service can do its work, store by store, within 2 seconds.
#[utoipa::path(get, path = "/auth/v1/health/ready", tag = "platform",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, headers(("Retry-After" = String, description = "Whole seconds to wait.")))))]
async fn check_readiness(State(state): State<PlatformState>) -> Response {
    let (database, redis) = probe(&state).await;
    let told = |status| Readiness { status, database, redis, sms: "unchecked" };
    match (database, redis) {
        (Up::Up, Up::Up) => Json(told("ready")).into_response(),
        _ => unready(told("not ready")),
    }
}

/// 503 in the words of health routes, which have no problem bodies.
fn unready(body: impl Serialize) -> Response {
    let wait = [(header::RETRY_AFTER, HeaderValue::from_static("2"))];
    (StatusCode::SERVICE_UNAVAILABLE, wait, Json(body)).into_response()
}

async fn probe(state: &PlatformState) -> (Up, Up) {
    async fn up<E>(ping: impl Future<Output = Result<(), E>>) -> Up {
        match tokio::time::timeout(PROBE_DEADLINE, ping).await {
            Ok(Ok(())) => Up::Up,
            Ok(Err(_)) | Err(_) => Up::Down,
        }
    }
    tokio::join!(up(state.core.store.ping()), up(state.core.cache.ping()))
}

/// Counters and latencies of all functions, as Prometheus reads them.
///
/// Outside of a laptop only with the metrics token as bearer.
#[utoipa::path(get, path = "/metrics", tag = "platform", security((), ("metrics" = [])),
    responses((status = 200, body = String, content_type = "text/plain"), MetricsProblems))]
async fn fetch_metrics(
    State(state): State<PlatformState>,
    _: RateLimited<PublicRequests>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !state.core.config.http.metrics_enabled {
        return Err(Problem::new(Code::NotFound));
    }
    if state.metrics_token.is_none() && !state.core.config.stage.is_local() {
        // Without a token nobody could be let in: outside of `local` there are no metrics then.
        return Err(Problem::new(Code::NotFound));
    }
    if let Some(token) = &state.metrics_token
        && !constant_time_eq(bearer(&headers).unwrap_or_default(), token.expose_secret())
    {
        return Err(Problem::new(Code::MetricsForbidden));
    }
    let text = telemetry::render(&state.core.cache.metrics().await?);
    let no_store = HeaderValue::from_static("no-store");
    Ok(kept_page("text/plain; version=0.0.4; charset=utf-8", no_store, text))
}

fn kept_page(content_type: &str, keep: HeaderValue, body: impl Into<axum::body::Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_str(content_type).ok()),
        (header::CACHE_CONTROL, Some(keep)),
    ];
    let headers: HeaderMap =
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    (headers, body.into()).into_response()
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok` or `alive`; `error` when a store is down.
    #[schema(value_type = HealthStatus)]
    status: &'static str,
}

#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "names the values in the OpenAPI document")]
enum HealthStatus {
    Ok,
    Alive,
    Error,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Up {
    Up,
    Down,
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready` or `not ready`.
    #[schema(pattern = "^(not )?ready$")]
    status: &'static str,
    database: Up,
    redis: Up,
    /// `up`, `down` or `unchecked`; never makes the service unready.
    #[schema(pattern = "^(up|down|unchecked)$")]
    sms: &'static str,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the key set, which is written once at start")]
struct Jwks {
    keys: Vec<Jwk>,
}

/// A P-256 public key (RFC 7518 §6.2).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the key set, which is written once at start")]
struct Jwk {
    #[schema(example = "EC")]
    kty: String,
    #[schema(example = "P-256")]
    crv: String,
    #[schema(example = "sig")]
    r#use: String,
    #[schema(example = "ES256")]
    alg: String,
    /// RFC 7638 thumbprint.
    kid: String,
    x: String,
    y: String,
}

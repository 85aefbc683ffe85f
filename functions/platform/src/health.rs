//! Health, for load balancers and monitors. These routes have no limits and no problem bodies.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use shared::http::openapi::Head;
use shared::{endpoints, problems};
use std::future::Future;
use std::time::Duration;
use utoipa::ToSchema;

use crate::state::PlatformState;

// The one refusal that comes before any route.
problems!(HealthProblems: [OriginUnverified]);

endpoints!(PlatformState, Head::Answered; check_health, check_liveness, check_readiness);

/// Health checks answer within this time, even if a store does not.
const PROBE_DEADLINE: Duration = Duration::from_millis(1800);

/// Check that the stores respond.
///
/// For load balancers: the status code says all.
#[utoipa::path(get, path = "/auth/v1/health", tag = "platform",
    responses((status = 200, body = Health, example = json!({ "status": "ok" })),
        (status = 503, body = Health,
            headers(("Retry-After" = String, description = "Whole seconds to wait.")),
            example = json!({ "status": "error" })),
        HealthProblems))]
async fn check_health(State(state): State<PlatformState>) -> Response {
    let (database, redis) = Box::pin(probe(&state)).await;
    match (database, redis) {
        (Up::Up, Up::Up) => Json(Health { status: "ok" }).into_response(),
        _ => unready(Health { status: "error" }),
    }
}

/// Check that the function runs.
///
/// Answers without asking a store.
#[utoipa::path(get, path = "/auth/v1/health/live", tag = "platform",
    responses((status = 200, body = Health, example = json!({ "status": "alive" })), HealthProblems))]
async fn check_liveness() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// Check each store.
///
/// Answers within 2 seconds which store is down.
#[utoipa::path(get, path = "/auth/v1/health/ready", tag = "platform",
    responses((status = 200, body = Readiness,
            example = json!(Readiness::example("ready", Up::Up))),
        (status = 503, body = Readiness,
            headers(("Retry-After" = String, description = "Whole seconds to wait.")),
            example = json!(Readiness::example("not ready", Up::Down))),
        HealthProblems))]
async fn check_readiness(State(state): State<PlatformState>) -> Response {
    let (database, redis) = Box::pin(probe(&state)).await;
    let answer = |status| Readiness { status, database, redis, sms: "unchecked" };
    match (database, redis) {
        (Up::Up, Up::Up) => Json(answer("ready")).into_response(),
        _ => unready(answer("not ready")),
    }
}

/// 503 in the format of health routes, which have no problem bodies.
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

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok` or `alive`, or `error` if a store is down.
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
    /// `up`, `down` or `unchecked`. It never causes a 503.
    #[schema(pattern = "^(up|down|unchecked)$")]
    sms: &'static str,
}

impl Readiness {
    fn example(status: &'static str, redis: Up) -> Self {
        Self { status, database: Up::Up, redis, sms: "unchecked" }
    }
}

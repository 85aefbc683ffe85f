//! The fleet's counters, for Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use secrecy::ExposeSecret as _;
use shared::crypto::constant_time_eq;
use shared::http::extract::RateLimited;
use shared::http::extract::auth::bearer;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::openapi::Head;
use shared::http::problem::{Code, Problem};
use shared::{endpoints, problems, telemetry};

use crate::page::kept_page;
use crate::state::PlatformState;

problems!(MetricsProblems: ANY, [MetricsForbidden, NotFound]);

endpoints!(PlatformState, Head::Answered; fetch_metrics);

const EXAMPLE: &str = "\
# TYPE auth_prekeys_unused gauge
auth_prekeys_unused 2
";

/// Counters and latency histograms of all functions in the Prometheus text format.
///
/// Requires the metrics token as bearer, except on a local stage.
#[utoipa::path(get, path = "/metrics", tag = "platform", security((), ("metrics" = [])),
    responses((status = 200, body = String, content_type = "text/plain", example = json!(EXAMPLE)), MetricsProblems))]
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
        && !constant_time_eq(bearer(&headers).unwrap_or_default(), token.current().expose_secret())
    {
        return Err(Problem::new(Code::MetricsForbidden));
    }
    let text = telemetry::render(&state.core.cache.metrics().await?);
    let no_store = HeaderValue::from_static("no-store");
    Ok(kept_page("text/plain; version=0.0.4; charset=utf-8", no_store, text))
}

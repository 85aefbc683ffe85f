//! What surrounds every route: a span, a deadline, CORS, headers, the body of a refusal,
//! and one log line.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::time::{Duration, Instant};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::context::{ClientConnection, DEADLINE, RequestContext};
use super::openapi::Operation;
use super::problem::{Code, Problem};
use crate::core::Core;
use crate::telemetry::{ErrorChain, RequestLog};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LIMIT_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// Headers that a page of another origin may send.
const ALLOWED_HEADERS: [HeaderName; 8] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("dpop"),
    header::ORIGIN,
    HeaderName::from_static("x-device-type"),
    REQUEST_ID,
    HeaderName::from_static("x-requested-with"),
];

/// Headers of every answer; a handler that set one itself keeps its own.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'")),
    // Most answers hold a token, a code or an id. An answer that may be cached says so itself.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A function's routes with everything around them.
pub fn serve(routes: Router, core: Core) -> Router {
    let panic = CatchPanicLayer::custom(|_| Problem::new(Code::Internal).into_response());
    // Inside of CORS: a page must be able to read that its request took too long.
    let router = routes.layer(panic).layer(from_fn(deadline));
    let router = match cors(&core.config.http.cors_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn_with_state(core, edge))
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origin = match origins {
        [] => return None,
        [any] if any == "*" => AllowOrigin::any(),
        list => AllowOrigin::list(list.iter().filter_map(|o| HeaderValue::from_str(o).ok())),
    };
    let [limit, remaining, reset] = LIMIT_HEADERS;
    Some(
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(ALLOWED_HEADERS)
            .expose_headers([REQUEST_ID, header::RETRY_AFTER, limit, remaining, reset])
            .max_age(Duration::from_hours(1)),
    )
}

/// Bounds the time of a request.
async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::retry(Code::Unavailable, DEADLINE).into_response(),
    }
}

/// The outermost layer: makes the request's context and span, and runs the rest in them. A
/// request that went past CloudFront goes no further.
async fn edge(State(core): State<Core>, mut request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<ClientConnection>().copied();
    let client = core.config.http.origin.client(request.headers(), connection);
    let (connection, refusal) = match client {
        Ok(connection) => (connection, None),
        Err(refusal) => (connection, Some(refusal)),
    };
    let context = RequestContext::new(&core.clock, core.rng, connection, request.headers());
    request.extensions_mut().insert(context.clone());
    // At the level of errors, so that it is there whatever `LOG_LEVEL` says.
    let span = tracing::error_span!(
        "request",
        request_id = context.request_id(),
        operation = Empty,
        session_id = Empty,
    );
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = known_method(request.method());
    let edge = core.clone();
    let response = async move {
        match refusal {
            Some(refusal) => refusal.into_response(),
            // Also behind the deadline: what was given up may be committed.
            None => edge.after_commit.run(next.run(request)).await,
        }
    };
    let (secrets, metrics) = (core.secrets.clone(), core.metrics.clone());
    let answered = Box::pin(answer(core, context, route, method, response));
    secrets.refresh_beside(Some(&metrics), answered).instrument(span).await
}

/// Finishes the answer of a request, and leaves its one log line.
async fn answer(
    core: Core,
    context: RequestContext,
    route: Option<MatchedPath>,
    method: &'static str,
    response: impl Future<Output = Response>,
) -> Response {
    let started = Instant::now();
    let response = response.await;
    let operation = response.extensions().get::<Operation>().copied();
    let (response, problem) = finish(response, &context);
    if let Some(cause) = problem.as_ref().and_then(Problem::cause) {
        tracing::error!(error = %ErrorChain(cause), "request failed");
    }
    let log = RequestLog {
        request_id: context.request_id(),
        operation: operation.map(|Operation(name)| name),
        method,
        route: route.as_ref().map_or("unknown", MatchedPath::as_str),
        status: response.status().as_u16(),
        code: problem.map(|problem| problem.code.as_str()),
        elapsed: started.elapsed(),
        at: context.now(),
    };
    log.write(&core.config.telemetry, &core.metrics.take_embedded(), core.rng);
    core.metrics.request(&log);
    response
}

/// Writes the body of a refusal and the headers of every answer.
fn finish(mut response: Response, context: &RequestContext) -> (Response, Option<Problem>) {
    let problem =
        response.extensions_mut().remove::<Problem>().or_else(|| routers_refusal(&response));
    if let Some(problem) = &problem {
        let mut rendered = problem.render(context.request_id());
        for (name, value) in response.headers() {
            let of_the_empty_body = name == header::CONTENT_LENGTH || name == header::CONTENT_TYPE;
            if !of_the_empty_body && !rendered.headers().contains_key(name) {
                rendered.headers_mut().append(name, value.clone());
            }
        }
        response = rendered;
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(context.request_id()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(status) = context.rate_limit_status() {
        let reset = status.reset.as_millis().div_ceil(1000);
        let values = [status.limit.into(), status.remaining.into(), reset];
        for (name, value) in LIMIT_HEADERS.into_iter().zip(values) {
            headers.insert(name, HeaderValue::from(u64::try_from(value).unwrap_or(u64::MAX)));
        }
    }
    (response, problem)
}

/// A refusal by the router itself, which knows only statuses.
fn routers_refusal(response: &Response) -> Option<Problem> {
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return None;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Problem::new(Code::NotFound)),
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(Code::MethodNotAllowed)),
        _ => None,
    }
}

/// A name for logs and metrics: clients may invent methods, and each would be a series.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

//! `GET /dev`: a page to try the service with. Its script is bundled from clients/dev-page.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use shared::http::problem::{Code, Problem};

use crate::page::kept_page;
use crate::state::PlatformState;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("app.css");
const SCRIPT: &str = include_str!("app.js");

/// A developer reloads the page to see the change.
const KEEP_NOTHING: HeaderValue = HeaderValue::from_static("no-store");

/// QR codes are pictures in data URLs. No script and no style stands in the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// Whether this is a laptop.
pub(super) fn require_local(state: &PlatformState) -> Result<(), Problem> {
    let is_local = state.core.config.stage.is_local();
    if is_local { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

pub(super) fn page() -> Response {
    let mut response = kept_page("text/html; charset=utf-8", KEEP_NOTHING, PAGE);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

pub(super) async fn show_page(State(state): State<PlatformState>) -> Result<Response, Problem> {
    require_local(&state)?;
    Ok(page())
}

pub(super) async fn show_style(State(state): State<PlatformState>) -> Result<Response, Problem> {
    require_local(&state)?;
    Ok(kept_page("text/css; charset=utf-8", KEEP_NOTHING, STYLE))
}

pub(super) async fn show_script(State(state): State<PlatformState>) -> Result<Response, Problem> {
    require_local(&state)?;
    Ok(kept_page("text/javascript; charset=utf-8", KEEP_NOTHING, SCRIPT))
}

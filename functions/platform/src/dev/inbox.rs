//! `GET /dev/inbox`: the codes that the `inbox` sender "sent", newest first. JSON for scripts; a
//! browser gets the page, which shows them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use shared::http::problem::Problem;

use super::page::{page, require_local};
use crate::state::PlatformState;

#[derive(Serialize, Deserialize)]
struct Line {
    to: String,
    body: String,
    code: String,
    at: String,
}

pub(super) async fn show_inbox(
    State(state): State<PlatformState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_local(&state)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return Ok(page());
    }
    let lines = state.core.cache.inbox().await?;
    let lines: Vec<Line> =
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok(Json(lines).into_response())
}

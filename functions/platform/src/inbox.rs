//! `GET /dev/inbox`, on a laptop only: the codes that the `inbox` sender "sent", newest
//! first; a page for browsers, JSON for scripts.

use crate::state::PlatformState;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use shared::http::problem::{Code, Problem};

#[derive(Serialize, Deserialize)]
struct Line {
    to: String,
    body: String,
    code: String,
    at: String,
}

/// The route that only the local gateway serves.
pub fn dev_router() -> Router<PlatformState> {
    Router::new().route("/dev/inbox", axum::routing::get(show_inbox))
}

async fn show_inbox(
    State(state): State<PlatformState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !state.core.config.stage.is_local() {
        return Err(Problem::new(Code::NotFound));
    }
    let lines = state.core.cache.inbox().await?;
    let lines: Vec<Line> =
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return Ok(Html(page(&lines)).into_response());
    }
    Ok(Json(lines).into_response())
}

fn page(lines: &[Line]) -> String {
    let rows: Vec<String> = lines
        .iter()
        .map(|line| {
            let [at, to, code, body] = [&line.at, &line.to, &line.code, &line.body].map(|t| escape(t));
            format!("<tr><td>{at}</td><td>{to}</td><td><b>{code}</b></td><td><pre>{body}</pre></td></tr>")
        })
        .collect();
    let rows = rows.concat();
    let empty = if lines.is_empty() { "<p>No code has been sent yet.</p>" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Inbox</title>\
         <meta http-equiv=\"refresh\" content=\"3\"></head><body><h1>Inbox</h1>\
         <p>What would have been sent by SMS, newest first.</p>{empty}\
         <table border=\"1\" cellpadding=\"6\"><thead><tr><th>at</th><th>to</th><th>code</th>\
         <th>message</th></tr></thead><tbody>{rows}</tbody></table></body></html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

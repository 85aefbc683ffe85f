//! The handlers: extract, call one flow, answer.

use axum::Json;
use axum::extract::State;
use shared::http::extract::{Caller, Cursor};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};

use super::flow;
use super::wire::{EventCursor, LogInCursor, LoginHistory, SecurityEvents};
use crate::state::DevicesState;

problems!(PageProblems: BEARER, ANY, [ValidationFailed]);

endpoints!(DevicesState, Head::Refused; list_log_ins, list_security_events);

/// List the log-ins of the caller's account.
///
/// Pages of 50, the newest first.
#[utoipa::path(get, path = "/auth/v1/login-history", tag = "devices", security(("bearer" = [])),
    params(("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before.",
        example = json!("AAABnOFTAmABlX0-bwN9lI6lYLE-oo1I"))),
    responses((status = 200, body = LoginHistory), PageProblems))]
async fn list_log_ins(
    State(state): State<DevicesState>,
    Caller(principal): Caller,
    Cursor(cursor): Cursor<LogInCursor>,
) -> Result<Json<LoginHistory>, Problem> {
    flow::log_ins(&state, principal, cursor).await.map(Json)
}

/// List the security events of the caller's account.
///
/// Pages of 50, the newest first: log-ins, removed devices, changed keys, and whatever else changed
/// who may do what.
#[utoipa::path(get, path = "/auth/v1/security-events", tag = "devices", security(("bearer" = [])),
    params(("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before.",
        example = json!("AAAAAAAAADM"))),
    responses((status = 200, body = SecurityEvents), PageProblems))]
async fn list_security_events(
    State(state): State<DevicesState>,
    Caller(principal): Caller,
    Cursor(cursor): Cursor<EventCursor>,
) -> Result<Json<SecurityEvents>, Problem> {
    flow::security_events(&state, principal, cursor).await.map(Json)
}

//! The routes: extract, call one flow, answer.

use crate::state::TokensState;
use axum::Json;
use axum::extract::State;
use shared::http::context::RequestContext;
use shared::http::extract::ValidatedJson;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::extract::{Caller, RateLimited};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::tokens::WS_TOKEN_TTL;
use shared::{endpoints, problems};

use crate::flow;
use crate::wire::{Refresh, RefreshRequest, Tokens, WsToken};

problems!(RefreshProblems: BODY, ANY,
    [TokenInvalid, TokenExpired, SessionEnded, RefreshReused, RefreshSuperseded]);
problems!(WsTokenProblems: BEARER, ANY, []);

endpoints!(TokensState, Head::Refused; refresh_tokens, issue_ws_token);

pub fn router() -> axum::Router<TokensState> {
    endpoints()
}

/// Exchange a refresh token for a new pair.
///
/// A token is exchanged once. Repeated within 10 seconds, because a reply was lost, the
/// same successor comes again; later, an equally good one, until one of them is used. A
/// token that was spent otherwise ends the session (`refresh_reused`), but for parallel
/// requests within 10 seconds, which are refused without harm (`refresh_superseded`).
/// Keep one token for all tabs, read it just before sending, and replace it only by the
/// reply to the very token that was sent.
#[utoipa::path(post, path = "/auth/v1/tokens/refresh", tag = "tokens",
    request_body = RefreshRequest,
    responses((status = 200, body = Tokens), RefreshProblems))]
async fn refresh_tokens(
    State(state): State<TokensState>,
    context: RequestContext,
    _: RateLimited<PublicRequests>,
    ValidatedJson(refresh): ValidatedJson<Refresh>,
) -> Result<Json<Tokens>, Problem> {
    flow::refresh(&state, &context, &refresh.token).await.map(Json)
}

/// A token that opens one web socket at another service.
///
/// `typ: ws+jwt`, audience `ws`, for 60 seconds.
#[utoipa::path(post, path = "/auth/v1/tokens/ws-token", tag = "tokens", security(("bearer" = [])),
    responses((status = 200, body = WsToken), WsTokenProblems))]
async fn issue_ws_token(
    State(state): State<TokensState>,
    context: RequestContext,
    Caller(principal): Caller,
) -> Result<Json<WsToken>, Problem> {
    let ws_token = state.issuer.web_socket(principal, context.now(), state.core.rng)?;
    Ok(Json(WsToken { ws_token, expires_in: WS_TOKEN_TTL.as_secs() }))
}

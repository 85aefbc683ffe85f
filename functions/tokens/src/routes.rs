//! The handlers: extract, call one flow, answer.

use crate::state::TokensState;
use axum::Json;
use axum::extract::State;
use shared::http::context::RequestContext;
use shared::http::extract::{Caller, VerifiedRefresh};
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::tokens::WS_TOKEN_TTL;
use shared::{endpoints, problems};

use crate::flow;
use crate::wire::{Refresh, RefreshRequest, Tokens, WsToken};

problems!(RefreshProblems: BODY, ANY,
    [TokenInvalid, TokenExpired, SessionEnded, RefreshReused, RefreshSuperseded,
        DpopProofInvalid]);
problems!(WsTokenProblems: BEARER, ANY, []);

endpoints!(TokensState, Head::Refused; refresh_tokens, issue_ws_token);

pub fn router() -> axum::Router<TokensState> {
    endpoints()
}

/// Exchange a refresh token for a new pair.
///
/// A token can be exchanged once. If the reply was lost, repeat the request: within 10
/// seconds it returns the same new token, later another valid one, until one of them is used.
/// A token that was used in any other way ends the session (`refresh_reused`). Parallel
/// requests within 10 seconds are refused without harm (`refresh_superseded`). Store one
/// token for all tabs, read it just before sending, and replace it only by the reply to the
/// token that was sent.
///
/// Limits: 30 a minute for a session. A request that is refused with 400 or `token_invalid`
/// or `token_expired` counts for the address instead.
#[utoipa::path(post, path = "/auth/v1/tokens/refresh", tag = "tokens",
    request_body = RefreshRequest,
    responses((status = 200, body = Tokens), RefreshProblems))]
async fn refresh_tokens(
    State(state): State<TokensState>,
    context: RequestContext,
    refresh: VerifiedRefresh<Refresh>,
) -> Result<Json<Tokens>, Problem> {
    flow::refresh(&state, &context, refresh.token).await.map(Json)
}

/// Issue a token that opens one web socket at another service.
///
/// `typ: ws+jwt`, audience `ws`, valid for 60 seconds.
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

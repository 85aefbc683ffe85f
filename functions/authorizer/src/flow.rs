//! Decides on one request. What is wrong with a token is not told: the gateway passes on only
//! whether the request may go on.

use domain::ids::CallId;
use domain::time::Timestamp;
use lambda_runtime::Error;
use shared::core::Core;
use shared::telemetry::ErrorChain;
use shared::tokens::dpop::{Confirmation, DpopProof, DpopRequest};
use shared::tokens::verify::Access;
use thiserror::Error as ThisError;
use tracing::Span;

use crate::known_tokens::Known;
use crate::state::AuthorizerState;
use crate::wire::{AuthorizerAnswer, AuthorizerContext, AuthorizerRequest, Scheme};

/// The authorizer is set up otherwise at the gateway of the other API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("the event is none of a request authorizer with payload format 2.0")]
struct UnexpectedFormat;

/// Whether the request shows an access token of a live session. An outage of both stores is no
/// refusal: the invocation fails, so that nobody is signed out.
pub async fn authorize(
    state: AuthorizerState,
    request: AuthorizerRequest,
) -> Result<AuthorizerAnswer, Error> {
    if request.version != "2.0" {
        return Err(UnexpectedFormat.into());
    }
    let Some((scheme, token)) = request.credentials() else { return Ok(AuthorizerAnswer::deny()) };
    let now = state.core.clock.now();
    if scheme == Scheme::Bearer
        && let Some(known) = state.known.find(token, now)
    {
        return Ok(answer(known));
    }
    let Ok(access) = state.verifier.verify_access(token, now) else {
        return Ok(AuthorizerAnswer::deny());
    };
    Span::current().record("session_id", tracing::field::display(access.principal.session));
    let is_shown_right = match (scheme, &access.binding) {
        (Scheme::Bearer, None) => true,
        (Scheme::Dpop, Some(key)) if state.accepts_proofs => {
            has_key(&state.core, &request, token, key, now).await
        }
        // A bound token is no bearer token (RFC 9449 §7.2), and the other way round.
        (Scheme::Bearer, Some(_)) | (Scheme::Dpop, _) => false,
    };
    if !is_shown_right {
        return Ok(AuthorizerAnswer::deny());
    }
    let is_alive = state.core.is_session_alive(access.principal, now).await?;
    let known = if is_alive { Known::Alive(context(&access)) } else { Known::Ended };
    if scheme == Scheme::Bearer {
        state.known.insert(token, known, access.expires_at, now);
    }
    Ok(answer(known))
}

/// Whether the request proves the key that its token is bound to. A proof counts once.
async fn has_key(
    core: &Core,
    request: &AuthorizerRequest,
    token: &str,
    key: &Confirmation,
    now: Timestamp,
) -> bool {
    let of = DpopRequest {
        method: &request.request_context.http.method,
        origins: &core.config.http.public_origins,
        path: &request.raw_path,
        access_token: Some(token),
    };
    let proof = request.header("dpop").and_then(|proof| DpopProof::verify(proof, &of, now).ok());
    let Some(proof) = proof.filter(|proof| proof.jkt == key.jkt) else { return false };
    let call = CallId::new(core.rng.bytes());
    match core.cache.remember_dpop_proof(&proof, call, now).await {
        Ok(is_new) => is_new,
        // As in this service's own routes (ADR 0035).
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "failed to remember a DPoP proof");
            true
        }
    }
}

const fn answer(known: Known) -> AuthorizerAnswer {
    match known {
        Known::Alive(context) => AuthorizerAnswer::allow(context),
        Known::Ended => AuthorizerAnswer::deny(),
    }
}

fn context(access: &Access) -> AuthorizerContext {
    AuthorizerContext {
        user_id: *access.principal.user.as_uuid(),
        device_id: *access.principal.device.as_uuid(),
        session_id: *access.principal.session.as_uuid(),
        scope: "user",
        exp: access.expires_at.seconds(),
    }
}

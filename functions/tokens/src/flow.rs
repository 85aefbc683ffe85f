//! The use case of refreshing: load, decide and store are one statement, or two in rare cases.

use crate::state::TokensState;
use domain::ids::CallId;
use domain::session::{RotationOutcome, refresh_expires_in};
use shared::audit::SecurityEvent;
use shared::http::context::RequestContext;
use shared::http::problem::{Code, Problem};
use shared::telemetry::ErrorChain;
use shared::tokens::verify::Refresh;
use std::time::Duration;

use crate::wire::Tokens;

/// Exchanges a valid refresh token.
pub async fn refresh(
    state: &TokensState,
    context: &RequestContext,
    refresh: Refresh,
) -> Result<Tokens, Problem> {
    exchange(state, context, refresh).await.map_err(|problem| {
        // A shipped client wipes its keys after three server errors on this route.
        if state.core.config.http.legacy_clients && problem.status().is_server_error() {
            Problem::retry(Code::RateLimited, Duration::from_secs(5))
        } else {
            problem
        }
    })
}

async fn exchange(
    state: &TokensState,
    context: &RequestContext,
    refresh: Refresh,
) -> Result<Tokens, Problem> {
    let now = context.now();
    let (principal, binding) = (refresh.principal, refresh.binding.as_ref());
    let rng = state.core.rng;
    let reuse = || {
        let (event, session) = (SecurityEvent::RefreshTokenReused, Some(principal.session));
        let audit = context.audit_entry(event, session, rng);
        (CallId::new(rng.bytes()), audit)
    };
    let exchanged = state
        .core
        .store
        .exchange_refresh_token(principal, (refresh.position, refresh.issued_at), now, reuse)
        .await?
        .ok_or_else(|| Problem::new(Code::SessionEnded))?;
    match exchanged.outcome {
        RotationOutcome::Issued(rotation) => Ok(Tokens {
            access_token: state.issuer.access(principal, binding, now, rng)?,
            refresh_token: state.issuer.refresh(
                principal,
                binding,
                &rotation,
                exchanged.auth_time,
            )?,
            expires_in: state.issuer.access_ttl().as_secs(),
            refresh_expires_in: refresh_expires_in(rotation.issued_at, exchanged.auth_time, now),
            user_id: *principal.user.as_uuid(),
            device_id: *principal.device.as_uuid(),
        }),
        RotationOutcome::Superseded => Err(Problem::new(Code::RefreshSuperseded)),
        RotationOutcome::Reused => {
            state.core.metrics.count("auth_refresh_reused_total");
            let ended = [principal.session];
            if let Err(error) = state.core.cache.write_tombstones(principal.user, &ended).await {
                tracing::error!(error = %ErrorChain(&error), "failed to write a tombstone");
            }
            Err(Problem::new(Code::RefreshReused))
        }
    }
}

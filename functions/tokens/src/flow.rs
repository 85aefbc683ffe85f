//! The use case of refreshing: load, decide and store are one statement.

use domain::session::RotationOutcome;
use secrecy::{ExposeSecret as _, SecretString};
use shared::app::App;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::http::context::RequestContext;
use shared::http::problem::{Code, Problem};
use shared::limits::Limit;
use std::time::Duration;

use crate::wire::Tokens;

/// Exchanges a refresh token.
pub async fn refresh(
    app: &App,
    context: &RequestContext,
    token: &SecretString,
) -> Result<Tokens, Problem> {
    exchange(app, context, token).await.map_err(|problem| {
        // A shipped client wipes its keys after three server errors on this route.
        if app.config.legacy_clients && problem.status().is_server_error() {
            Problem::retry(Code::RateLimited, Duration::from_secs(5))
        } else {
            problem
        }
    })
}

async fn exchange(
    app: &App,
    context: &RequestContext,
    token: &SecretString,
) -> Result<Tokens, Problem> {
    context.count_address(app, Limit::PublicPerAddress).await?;
    let now = context.now();
    let refresh = app.signing.verify_refresh(token.expose_secret(), now)?;
    let principal = refresh.principal;
    let event = SecurityEvent::RefreshTokenReused;
    let audit = AuditEntry::new(event, Some(principal.session), &context.address(), now, app.rng);
    let exchanged = app
        .store
        .exchange_refresh_token(principal, refresh.position, now, &audit)
        .await?
        .ok_or_else(|| Problem::new(Code::SessionEnded))?;
    match exchanged.outcome {
        RotationOutcome::Issued(rotation) => Ok(Tokens {
            access_token: app.signing.access(principal, now, app.rng)?,
            refresh_token: app.signing.refresh(principal, &rotation, exchanged.auth_time)?,
            user_id: *principal.user.as_uuid(),
            device_id: *principal.device.as_uuid(),
        }),
        RotationOutcome::Superseded => Err(Problem::new(Code::RefreshSuperseded)),
        RotationOutcome::Reused => {
            app.metrics.count("auth_refresh_reused_total");
            if let Err(error) = app.cache.write_tombstones(&[principal.session]).await {
                tracing::error!(error = %error, "an ended session may be believed for a minute");
            }
            Err(Problem::new(Code::RefreshReused))
        }
    }
}

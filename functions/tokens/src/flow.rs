//! The use case of refreshing: load, decide and store are one statement.

use domain::secret::Secret;
use domain::session::Exchange;
use shared::app::App;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::http::problem::{Code, Problem};
use shared::http::visit::Visit;
use shared::limits::Limit;
use std::time::Duration;

use crate::wire::Tokens;

/// Exchanges a refresh token.
pub async fn refresh(app: &App, visit: &Visit, token: &Secret<String>) -> Result<Tokens, Problem> {
    exchange(app, visit, token).await.map_err(|problem| {
        // A shipped client wipes its keys after three server errors on this route.
        if app.config.legacy_clients && problem.status().is_server_error() {
            Problem::retry(Code::RateLimited, Duration::from_secs(5))
        } else {
            problem
        }
    })
}

async fn exchange(app: &App, visit: &Visit, token: &Secret<String>) -> Result<Tokens, Problem> {
    visit.count_address(app, Limit::PublicPerAddress).await?;
    let now = visit.now();
    let refresh = app.signing.verify_refresh(token.expose(), now)?;
    let who = refresh.identity;
    let event = SecurityEvent::RefreshTokenReused;
    let audit = AuditEntry::new(event, Some(who.session), &visit.address(), now, app.chance);
    let exchanged = app
        .store
        .exchange_refresh_token(who, refresh.place, now, &audit)
        .await?
        .ok_or_else(|| Problem::new(Code::SessionEnded))?;
    match exchanged.outcome {
        Exchange::Issued(rotation) => Ok(Tokens {
            access_token: app.signing.access(who, now, app.chance)?,
            refresh_token: app.signing.refresh(who, &rotation, exchanged.auth_time)?,
            user_id: *who.user.as_uuid(),
            device_id: *who.device.as_uuid(),
        }),
        Exchange::Superseded => Err(Problem::new(Code::RefreshSuperseded)),
        Exchange::Reused => {
            app.metrics.count("auth_refresh_reused_total");
            if let Err(error) = app.cache.bury(&[who.session]).await {
                tracing::error!(error = %error, "an ended session may be believed for a minute");
            }
            Err(Problem::new(Code::RefreshReused))
        }
    }
}

//! Who is calling. A handler that takes a [`Caller`] cannot be reached without a valid
//! access token of a live session; one that does not is public, and stands on a list that
//! a test checks.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, header};
use uuid::Uuid;

use super::body::uuid;
use super::problem::{Code, Problem};
use super::visit::Visit;
use crate::app::App;
use crate::cache::CacheError;
use crate::cache::sessions::Liveness;
use crate::limits::Limit;
use crate::signing::{Identity, TokenError};

/// The user, session and device behind a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub Identity);

/// The bearer token of a request (RFC 6750 §2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let visit = Visit::of(&parts.extensions)?;
        let token = bearer(&parts.headers).ok_or_else(|| Problem::new(Code::TokenMissing))?;
        let who = match app.signing.verify_access(token, visit.now()) {
            Ok(access) => access.identity,
            // No account to count, but work was done for somebody: the address is.
            Err(error @ TokenError::Invalid) => {
                let limit = Limit::PublicPerAddress;
                return Err(visit.refuse_counted(app, limit, error.into()).await);
            }
            Err(error) => return Err(error.into()),
        };
        let user = who.user.to_string();
        let counting = visit.counting(app, &[(Limit::BearerPerAccount, &user)]);
        let alive = match app.cache.check_access(who.session, &counting).await {
            Ok(Liveness::Alive) => true,
            Ok(Liveness::Ended) => false,
            Ok(Liveness::Unknown) => {
                let alive = app.store.is_session_alive(who, visit.now()).await?;
                if alive && let Err(error) = app.cache.mark_alive(who.session).await {
                    tracing::warn!(error = %error, "no hot copy of a session");
                }
                alive
            }
            Err(limited @ CacheError::Limited { .. }) => return Err(limited.into()),
            // Nobody is signed out because Redis is down: the row decides anyway.
            Err(error) => {
                tracing::warn!(error = %error, "asking the row of a session");
                app.store.is_session_alive(who, visit.now()).await?
            }
        };
        if alive { Ok(Self(who)) } else { Err(Problem::new(Code::SessionEnded)) }
    }
}

/// The one id in a public route's path.
#[derive(Clone, Copy, Debug)]
pub struct PathId(pub Uuid);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let visit = Visit::of(&parts.extensions)?;
        let params = RawPathParams::from_request_parts(parts, app).await;
        let id = params
            .ok()
            .and_then(|params| params.iter().next().and_then(|(_, value)| uuid(value).ok()));
        if let Some(id) = id {
            return Ok(Self(id));
        }
        let problem = Problem::new(Code::IdMalformed);
        Err(visit.refuse_counted(app, Limit::PublicPerAddress, problem).await)
    }
}

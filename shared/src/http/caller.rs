//! Who is calling. A handler that takes a [`Caller`], an [`KeyUploadCaller`] or a [`DirectoryCaller`] cannot
//! be reached without a valid access token of a live session (but a `DirectoryCaller` with
//! `LEGACY_CLIENTS`); one that does not is public, and stands on a list that a test checks.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, header};
use uuid::Uuid;

use super::body::uuid;
use super::context::RequestContext;
use super::problem::{Code, Problem};
use crate::app::App;
use crate::cache::CacheError;
use crate::cache::session::CachedSessionState;
use crate::limits::{Limit, RateLimitCheck};
use crate::tokens::TokenError;
use domain::principal::Principal;

/// The user, session and device behind a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub Principal);

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
        let verified = VerifiedToken::from_request_parts(parts, app).await?;
        let context = RequestContext::of(&parts.extensions)?;
        verified.authorize(app, &context, &[], &[]).await.map(|(principal, _)| Self(principal))
    }
}

/// A caller who brings keys: such requests are counted besides, they are large.
#[derive(Clone, Copy, Debug)]
pub struct KeyUploadCaller(pub Principal);

impl FromRequestParts<App> for KeyUploadCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let verified = VerifiedToken::from_request_parts(parts, app).await?;
        let context = RequestContext::of(&parts.extensions)?;
        let limits = [Limit::KeyUploadPerAccount];
        verified.authorize(app, &context, &limits, &[]).await.map(|(principal, _)| Self(principal))
    }
}

/// Who reads the key directory: a caller; with `LEGACY_CLIENTS`, whose directory is public,
/// anyone. Nothing is known of the session before [`DirectoryCaller::authorize`], which asks for it
/// together with the reader's share of one-time keys.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryCaller(Option<VerifiedToken>);

impl FromRequestParts<App> for DirectoryCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if app.config.legacy_clients {
            // Shipped clients show tokens that have expired, and never had to show one.
            let context = RequestContext::of(&parts.extensions)?;
            let access =
                bearer(&parts.headers).map(|t| app.signing.verify_access(t, context.now()));
            return Ok(Self(
                access.and_then(Result::ok).map(|access| VerifiedToken(access.principal)),
            ));
        }
        VerifiedToken::from_request_parts(parts, app).await.map(|verified| Self(Some(verified)))
    }
}

impl DirectoryCaller {
    /// Lets the reader in. Of each target, given with the limit that counts it, tells
    /// whether the reader still has a share of its one-time keys.
    pub async fn authorize(
        self,
        app: &App,
        context: &RequestContext,
        targets: &[(Limit, Uuid)],
    ) -> Result<(Option<Principal>, Vec<bool>), Problem> {
        let Some(verified) = self.0 else {
            let network = context.network();
            let rate_limit_check =
                rate_limit_check(app, context, &[Limit::PublicPerAddress], &network, targets);
            return match app.cache.check_access(None, &rate_limit_check).await {
                Ok(access) => Ok((None, access.quotas)),
                Err(limited @ CacheError::Limited { .. }) => Err(limited.into()),
                Err(error) => Ok((None, no_quotas(&error, targets.len()))),
            };
        };
        let (principal, quotas) = verified.authorize(app, context, &[], targets).await?;
        Ok((Some(principal), quotas))
    }

    /// A request refused for its own sake: that the caller may not ask, or asked too often,
    /// is told first.
    pub async fn refuse(self, app: &App, context: &RequestContext, problem: Problem) -> Problem {
        self.authorize(app, context, &[]).await.err().unwrap_or(problem)
    }
}

/// What counts a request by an account or an address: its limits, what it costs to ask for
/// these targets, and the share that it would have of each.
fn rate_limit_check<'v>(
    app: &App,
    context: &'v RequestContext,
    limits: &[Limit],
    of: &str,
    targets: &[(Limit, Uuid)],
) -> RateLimitCheck<'v> {
    let limits: Vec<_> = limits.iter().map(|limit| (*limit, of)).collect();
    let quotas: Vec<_> =
        targets.iter().map(|(limit, target)| (*limit, format!("{of}:{target}"))).collect();
    context
        .rate_limit_check(app, &limits)
        .with_cost(&app.config.limits, Limit::BundlesPerAccount, of, targets.len())
        .with_quotas(&app.config.limits, &quotas)
}

/// Without Redis nobody knows who has had how many: bundles come without one-time keys.
fn no_quotas(error: &CacheError, targets: usize) -> Vec<bool> {
    tracing::warn!(error = %error, "no one-time keys are handed out");
    vec![false; targets]
}

/// What a good token says, before its session was asked for. Only [`VerifiedToken::authorize`] gets
/// the identity out.
#[derive(Clone, Copy, Debug)]
struct VerifiedToken(Principal);

impl FromRequestParts<App> for VerifiedToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let context = RequestContext::of(&parts.extensions)?;
        let token = bearer(&parts.headers).ok_or_else(|| Problem::new(Code::TokenMissing))?;
        match app.signing.verify_access(token, context.now()) {
            Ok(access) => Ok(Self(access.principal)),
            // No account to count, but work was done for somebody: the address is.
            Err(error @ TokenError::Invalid) => {
                let limit = Limit::PublicPerAddress;
                Err(context.refuse_counted(app, limit, error.into()).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl VerifiedToken {
    /// Counts the account's request, takes its quotas, and lets it in if its session
    /// lives: one round trip to Redis, and one to Postgres where that does not know.
    async fn authorize(
        self,
        app: &App,
        context: &RequestContext,
        more: &[Limit],
        targets: &[(Limit, Uuid)],
    ) -> Result<(Principal, Vec<bool>), Problem> {
        let principal = self.0;
        let limits = [&[Limit::BearerPerAccount], more].concat();
        let rate_limit_check =
            rate_limit_check(app, context, &limits, &principal.user.to_string(), targets);
        let (alive, quotas) =
            match app.cache.check_access(Some(principal.session), &rate_limit_check).await {
                Ok(access) => match access.session {
                    CachedSessionState::Alive => (true, access.quotas),
                    CachedSessionState::Ended => (false, access.quotas),
                    CachedSessionState::Unknown => {
                        let alive = app.store.is_session_alive(principal, context.now()).await?;
                        if alive
                            && let Err(error) = app.cache.cache_session(principal.session).await
                        {
                            tracing::warn!(error = %error, "no hot copy of a session");
                        }
                        (alive, access.quotas)
                    }
                },
                Err(limited @ CacheError::Limited { .. }) => return Err(limited.into()),
                // Nobody is signed out because Redis is down: the row decides anyway.
                Err(error) => {
                    tracing::warn!(error = %error, "asking the row of a session");
                    let alive = app.store.is_session_alive(principal, context.now()).await?;
                    (alive, no_quotas(&error, targets.len()))
                }
            };
        if alive { Ok((principal, quotas)) } else { Err(Problem::new(Code::SessionEnded)) }
    }
}

/// The ids in a path, in their order, where the caller was counted already.
#[derive(Clone, Copy, Debug)]
pub struct PathIds<const N: usize>(pub [Uuid; N]);

impl<const N: usize> FromRequestParts<App> for PathIds<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let malformed = || Problem::new(Code::IdMalformed);
        let params =
            RawPathParams::from_request_parts(parts, app).await.map_err(|_| malformed())?;
        let ids: Result<Vec<Uuid>, _> = params.iter().map(|(_, value)| uuid(value)).collect();
        ids.ok().and_then(|ids| ids.try_into().ok()).map(Self).ok_or_else(malformed)
    }
}

/// The one id in a public route's path: a malformed one is counted.
#[derive(Clone, Copy, Debug)]
pub struct PathId(pub Uuid);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let context = RequestContext::of(&parts.extensions)?;
        match PathIds::from_request_parts(parts, app).await {
            Ok(PathIds([id])) => Ok(Self(id)),
            Err(problem) => {
                Err(context.refuse_counted(app, Limit::PublicPerAddress, problem).await)
            }
        }
    }
}

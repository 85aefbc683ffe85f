//! Who is calling. A handler that takes a [`Caller`], an [`Uploader`] or a [`Reader`] cannot
//! be reached without a valid access token of a live session (but a `Reader` with
//! `LEGACY_CLIENTS`); one that does not is public, and stands on a list that a test checks.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, header};
use uuid::Uuid;

use super::body::uuid;
use super::problem::{Code, Problem};
use super::visit::Visit;
use crate::app::App;
use crate::cache::sessions::Liveness;
use crate::cache::{CacheError, Counting};
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
        let claimed = Claimed::from_request_parts(parts, app).await?;
        let visit = Visit::of(&parts.extensions)?;
        claimed.admit(app, &visit, &[], &[]).await.map(|(who, _)| Self(who))
    }
}

/// A caller who brings keys: such requests are counted besides, they are large.
#[derive(Clone, Copy, Debug)]
pub struct Uploader(pub Identity);

impl FromRequestParts<App> for Uploader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let claimed = Claimed::from_request_parts(parts, app).await?;
        let visit = Visit::of(&parts.extensions)?;
        let limits = [Limit::KeyUploadPerAccount];
        claimed.admit(app, &visit, &limits, &[]).await.map(|(who, _)| Self(who))
    }
}

/// Who reads the key directory: a caller; with `LEGACY_CLIENTS`, whose directory is public,
/// anyone. Nothing is known of the session before [`Reader::admit`], which asks for it
/// together with the reader's share of one-time keys.
#[derive(Clone, Copy, Debug)]
pub struct Reader(Option<Claimed>);

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if app.config.legacy_clients {
            // Shipped clients show tokens that have expired, and never had to show one.
            let visit = Visit::of(&parts.extensions)?;
            let access = bearer(&parts.headers).map(|t| app.signing.verify_access(t, visit.now()));
            return Ok(Self(access.and_then(Result::ok).map(|access| Claimed(access.identity))));
        }
        Claimed::from_request_parts(parts, app).await.map(|claimed| Self(Some(claimed)))
    }
}

impl Reader {
    /// Lets the reader in. Of each target, given with the limit that counts it, tells
    /// whether the reader still has a share of its one-time keys.
    pub async fn admit(
        self,
        app: &App,
        visit: &Visit,
        targets: &[(Limit, Uuid)],
    ) -> Result<(Option<Identity>, Vec<bool>), Problem> {
        let Some(claimed) = self.0 else {
            let network = visit.network();
            let counting = counting(app, visit, &[Limit::PublicPerAddress], &network, targets);
            return match app.cache.check_access(None, &counting).await {
                Ok(access) => Ok((None, access.shares)),
                Err(limited @ CacheError::Limited { .. }) => Err(limited.into()),
                Err(error) => Ok((None, no_shares(&error, targets.len()))),
            };
        };
        let (who, shares) = claimed.admit(app, visit, &[], targets).await?;
        Ok((Some(who), shares))
    }

    /// A request refused for its own sake: that the caller may not ask, or asked too often,
    /// is told first.
    pub async fn refuse(self, app: &App, visit: &Visit, problem: Problem) -> Problem {
        self.admit(app, visit, &[]).await.err().unwrap_or(problem)
    }
}

/// What counts a request by an account or an address: its limits, what it costs to ask for
/// these targets, and the share that it would have of each.
fn counting<'v>(
    app: &App,
    visit: &'v Visit,
    limits: &[Limit],
    of: &str,
    targets: &[(Limit, Uuid)],
) -> Counting<'v> {
    let limits: Vec<_> = limits.iter().map(|limit| (*limit, of)).collect();
    let shares: Vec<_> =
        targets.iter().map(|(limit, target)| (*limit, format!("{of}:{target}"))).collect();
    visit
        .counting(app, &limits)
        .costing(&app.config, Limit::BundlesPerAccount, of, targets.len())
        .sharing(&app.config, &shares)
}

/// Without Redis nobody knows who has had how many: bundles come without one-time keys.
fn no_shares(error: &CacheError, targets: usize) -> Vec<bool> {
    tracing::warn!(error = %error, "no one-time keys are handed out");
    vec![false; targets]
}

/// What a good token says, before its session was asked for. Only [`Claimed::admit`] gets
/// the identity out.
#[derive(Clone, Copy, Debug)]
struct Claimed(Identity);

impl FromRequestParts<App> for Claimed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let visit = Visit::of(&parts.extensions)?;
        let token = bearer(&parts.headers).ok_or_else(|| Problem::new(Code::TokenMissing))?;
        match app.signing.verify_access(token, visit.now()) {
            Ok(access) => Ok(Self(access.identity)),
            // No account to count, but work was done for somebody: the address is.
            Err(error @ TokenError::Invalid) => {
                let limit = Limit::PublicPerAddress;
                Err(visit.refuse_counted(app, limit, error.into()).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Claimed {
    /// Counts the account's request, takes its shares, and lets it in if its session
    /// lives: one round trip to Redis, and one to Postgres where that does not know.
    async fn admit(
        self,
        app: &App,
        visit: &Visit,
        more: &[Limit],
        targets: &[(Limit, Uuid)],
    ) -> Result<(Identity, Vec<bool>), Problem> {
        let who = self.0;
        let limits = [&[Limit::BearerPerAccount], more].concat();
        let counting = counting(app, visit, &limits, &who.user.to_string(), targets);
        let (alive, shares) = match app.cache.check_access(Some(who.session), &counting).await {
            Ok(access) => match access.session {
                Liveness::Alive => (true, access.shares),
                Liveness::Ended => (false, access.shares),
                Liveness::Unknown => {
                    let alive = app.store.is_session_alive(who, visit.now()).await?;
                    if alive && let Err(error) = app.cache.mark_alive(who.session).await {
                        tracing::warn!(error = %error, "no hot copy of a session");
                    }
                    (alive, access.shares)
                }
            },
            Err(limited @ CacheError::Limited { .. }) => return Err(limited.into()),
            // Nobody is signed out because Redis is down: the row decides anyway.
            Err(error) => {
                tracing::warn!(error = %error, "asking the row of a session");
                let alive = app.store.is_session_alive(who, visit.now()).await?;
                (alive, no_shares(&error, targets.len()))
            }
        };
        if alive { Ok((who, shares)) } else { Err(Problem::new(Code::SessionEnded)) }
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
        let visit = Visit::of(&parts.extensions)?;
        match PathIds::from_request_parts(parts, app).await {
            Ok(PathIds([id])) => Ok(Self(id)),
            Err(problem) => Err(visit.refuse_counted(app, Limit::PublicPerAddress, problem).await),
        }
    }
}

//! Who is calling. A handler that takes a [`Caller`] or a [`KeyUploadCaller`] cannot be
//! reached without a valid access token of a live session.

use axum::extract::{FromRef, FromRequestParts};
use domain::principal::Principal;
use domain::time::Timestamp;
use http::request::Parts;
use http::{HeaderMap, header};
use tracing::Span;
use uuid::Uuid;

use super::dpop::ProvenRequest;
use super::rate_limit::refuse_by_address;
use crate::audit::SecurityEvent;
use crate::core::{Core, SessionAccess};
use crate::http::context::RequestContext;
use crate::http::problem::{Code, Problem};
use crate::limits::{Limit, RateLimitCheck};
use crate::tokens::TokenVerifier;
use crate::tokens::verify::Access;

/// The user, session and device behind a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub Principal);

/// A caller who uploads keys: such requests are large, and counted by one more limit.
#[derive(Clone, Copy, Debug)]
pub struct KeyUploadCaller(pub Principal);

/// A caller who shows a challenge: Redis keeps it, and what its scanner brings.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeCaller(pub Principal);

/// How an access token is shown: alone (RFC 6750 §2.1), or with a proof (RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The bearer token of a request (RFC 6750 §2.1).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers).filter(|(scheme, _)| *scheme == Scheme::Bearer).map(|(_, token)| token)
}

fn credentials(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let schemes = [("bearer", Scheme::Bearer), ("dpop", Scheme::Dpop)];
    let (_, scheme) = schemes.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
    Some((scheme, token.trim()))
}

impl<S> FromRequestParts<S> for Caller
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        authorize(parts, state, &[]).await.map(Self)
    }
}

impl<S> FromRequestParts<S> for KeyUploadCaller
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        authorize(parts, state, &[Limit::KeyUploadPerAccount]).await.map(Self)
    }
}

impl<S> FromRequestParts<S> for ChallengeCaller
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        authorize(parts, state, &[Limit::QrChallengePerAccount]).await.map(Self)
    }
}

async fn authorize<S>(parts: &Parts, state: &S, limits: &[Limit]) -> Result<Principal, Problem>
where
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
{
    let (core, verifier) = (Core::from_ref(state), TokenVerifier::from_ref(state));
    let context = RequestContext::of(&parts.extensions)?;
    let request = ProvenRequest::of(parts);
    let token = VerifiedToken::verify(&core, &verifier, &context, request).await?;
    token.authorize(&core, &context, limits, &[]).await.map(|(principal, _)| principal)
}

/// A token whose signature and claims hold, before its session is checked. Only
/// [`VerifiedToken::authorize`] gives the principal.
#[derive(Clone, Copy, Debug)]
pub(super) struct VerifiedToken {
    principal: Principal,
    /// To the second.
    issued_at: Timestamp,
}

impl VerifiedToken {
    /// Verifies the token, and the proof of the key that it is bound to. A request without a good
    /// one is counted by its address.
    pub(super) async fn verify(
        core: &Core,
        verifier: &TokenVerifier,
        context: &RequestContext,
        request: ProvenRequest<'_>,
    ) -> Result<Self, Problem> {
        match verified(core, verifier, context, request).await {
            Ok(access) => {
                let session = access.principal.session;
                Span::current().record("session_id", tracing::field::display(session));
                Ok(Self { principal: access.principal, issued_at: access.issued_at })
            }
            Err(problem) => Err(refuse_by_address(core, context, problem).await),
        }
    }

    /// When it was issued, to the second.
    pub(super) const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// Counts the account's request, takes its quotas of these targets, and checks that its
    /// session is alive. A session that has ended spends nothing of its account.
    pub(super) async fn authorize(
        self,
        core: &Core,
        context: &RequestContext,
        limits: &[Limit],
        targets: &[(Limit, Uuid)],
    ) -> Result<(Principal, Vec<bool>), Problem> {
        let Self { principal, .. } = self;
        let (user, session) = (principal.user, principal.session);
        let account = user.to_string();
        let limits = [&[Limit::BearerPerAccount], limits].concat();
        let check = directory_check(core, context, &limits, &account, targets).with_session(
            &core.config.limits,
            &account,
            session,
        );
        match core.check_session(principal, &check, context.now()).await? {
            Ok(SessionAccess { is_alive: true, quotas }) => {
                Ok((principal, quotas.unwrap_or_else(|| no_quotas(targets))))
            }
            Ok(SessionAccess { is_alive: false, .. }) => Err(Problem::new(Code::SessionEnded)),
            Err(limited) => {
                core.count_hourly(user, SecurityEvent::RequestsLimited, context.now()).await;
                Err(limited.into())
            }
        }
    }
}

async fn verified(
    core: &Core,
    verifier: &TokenVerifier,
    context: &RequestContext,
    request: ProvenRequest<'_>,
) -> Result<Access, Problem> {
    let (scheme, token) =
        credentials(request.headers).ok_or_else(|| Problem::new(Code::TokenMissing))?;
    let access = verifier.verify_access(token, context.now())?;
    match (scheme, &access.binding) {
        (Scheme::Bearer, None) => {}
        (Scheme::Dpop, Some(_)) => {
            request.demand(core, context, access.binding.as_ref(), Some(token)).await?;
        }
        // A bound token is no bearer token (RFC 9449 §7.2), and the other way round.
        (Scheme::Bearer, Some(_)) => return Err(Problem::new(Code::DpopProofInvalid)),
        (Scheme::Dpop, None) => return Err(Problem::new(Code::TokenInvalid)),
    }
    Ok(access)
}

/// The check of a request by an account or an address: its limits, the cost of these
/// targets, and the quota of each.
pub(super) fn directory_check<'c>(
    core: &Core,
    context: &'c RequestContext,
    limits: &[Limit],
    caller: &str,
    targets: &[(Limit, Uuid)],
) -> RateLimitCheck<'c> {
    let config = &core.config.limits;
    let limits: Vec<_> = limits.iter().map(|limit| (*limit, caller)).collect();
    context
        .rate_limit_check(config, &limits)
        .with_cost(config, Limit::BundlesPerAccount, caller, targets.len())
        .with_quotas(config, caller, targets)
}

/// Without Redis it is unknown how many keys a caller has had: bundles come without
/// one-time keys.
pub(super) fn no_quotas(targets: &[(Limit, Uuid)]) -> Vec<bool> {
    vec![false; targets.len()]
}

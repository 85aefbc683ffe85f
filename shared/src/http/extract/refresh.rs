//! Refreshes. Phones of a campus or of a carrier share an address, so a valid token is counted
//! by its session, and the address only by what fails before a session is known.

use axum::extract::{FromRef, FromRequest, Request};
use std::marker::PhantomData;
use tracing::Span;

use super::dpop::ProvenRequest;
use super::json::{self, Validate};
use super::rate_limit::refuse_by_address;
use crate::audit::SecurityEvent;
use crate::cache::CacheError;
use crate::core::Core;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::limits::Limit;
use crate::tokens::TokenVerifier;
use crate::tokens::verify::Refresh;

/// A body that holds a refresh token.
pub trait RefreshBody: Validate {
    fn token(&self) -> &str;
}

/// A valid refresh token, counted by its session. The session may have ended.
pub struct VerifiedRefresh<T> {
    pub token: Refresh,
    body: PhantomData<T>,
}

impl<S, T> FromRequest<S> for VerifiedRefresh<T>
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
    T: RefreshBody,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (core, verifier) = (Core::from_ref(state), TokenVerifier::from_ref(state));
        let context = RequestContext::of(request.extensions())?;
        let (method, path, headers) =
            (request.method().clone(), request.uri().path().to_owned(), request.headers().clone());
        let verified = json::read::<T>(request).await.and_then(|body| {
            verifier.verify_refresh(body.token(), context.now()).map_err(Problem::from)
        });
        let token = match verified {
            Ok(token) => token,
            Err(problem) => return Err(refuse_by_address(&core, &context, problem).await),
        };
        let session = token.principal.session;
        Span::current().record("session_id", tracing::field::display(session));
        let limits = [(Limit::RefreshPerSession, &*session.to_string())];
        let check = context.rate_limit_check(&core.config.limits, &limits);
        if let Err(error) = core.cache.take_limits(&check).await {
            if matches!(error, CacheError::Limited { .. }) {
                let (user, event) = (token.principal.user, SecurityEvent::RequestsLimited);
                core.count_hourly(user, event, context.now()).await;
            }
            return Err(error.into());
        }
        let proven = ProvenRequest { method: &method, path: &path, headers: &headers };
        proven.demand(&core, &context, token.binding.as_ref(), None).await?;
        Ok(Self { token, body: PhantomData })
    }
}

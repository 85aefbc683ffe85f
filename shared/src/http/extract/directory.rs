//! Callers of the key directory. With `LEGACY_CLIENTS` the directory is public, and a
//! caller may have no token.

use axum::extract::{FromRef, FromRequest, Request};
use domain::principal::Principal;
use http::header;
use std::future::Future;
use uuid::Uuid;

use super::auth::{VerifiedToken, directory_check, no_quotas};
use super::dpop::ProvenRequest;
use crate::cache::CacheError;
use crate::core::Core;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::limits::Limit;
use crate::telemetry::ErrorChain;
use crate::tokens::TokenVerifier;

/// What a caller asks of the directory.
pub trait DirectoryTarget: Sized + Send {
    /// Reads it from the request.
    fn read(request: Request) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// The quotas of one-time keys that the request takes, each with its target.
    fn quotas(&self) -> Vec<(Limit, Uuid)> {
        Vec::new()
    }
}

/// A request that asks for nothing but the caller's own.
pub struct NoTarget;

impl DirectoryTarget for NoTarget {
    async fn read(_: Request) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// An authorized and counted caller, with what it asks for.
pub struct DirectoryCaller<T> {
    /// `None` only with `LEGACY_CLIENTS`.
    pub principal: Option<Principal>,
    pub target: T,
    /// Whether the caller may take one-time keys, for each of the target's quotas.
    pub quotas: Vec<bool>,
}

impl<S, T> FromRequest<S> for DirectoryCaller<T>
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
    T: DirectoryTarget,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (core, verifier) = (Core::from_ref(state), TokenVerifier::from_ref(state));
        let context = RequestContext::of(request.extensions())?;
        // A shipped client that shows an expired token refreshes it only after a 401.
        let is_anonymous = core.config.http.legacy_clients
            && !request.headers().contains_key(header::AUTHORIZATION);
        let token = if is_anonymous {
            None
        } else {
            let proven = ProvenRequest {
                method: request.method(),
                path: request.uri().path(),
                headers: request.headers(),
            };
            Some(VerifiedToken::verify(&core, &verifier, &context, proven).await?)
        };
        // What is wrong with the request itself is the answer only to a caller who may ask.
        let target = T::read(request).await;
        let targets = target.as_ref().map(T::quotas).unwrap_or_default();
        let (principal, quotas) = match token {
            Some(token) => {
                let (principal, quotas) = token.authorize(&core, &context, &[], &targets).await?;
                (Some(principal), quotas)
            }
            None => (None, count_anonymous(&core, &context, &targets).await?),
        };
        Ok(Self { principal, target: target?, quotas })
    }
}

/// Counts a caller without a token by its address.
async fn count_anonymous(
    core: &Core,
    context: &RequestContext,
    targets: &[(Limit, Uuid)],
) -> Result<Vec<bool>, Problem> {
    let network = context.network();
    let check = directory_check(core, context, &[Limit::PublicPerAddress], &network, targets);
    match core.cache.check_access(None, &check).await {
        Ok(access) => Ok(access.quotas),
        Err(limited @ CacheError::Limited { .. }) => Err(limited.into()),
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "failed to count a directory request");
            Ok(no_quotas(targets))
        }
    }
}

//! Public requests, counted by the caller's address.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use std::marker::PhantomData;

use crate::cache::CacheError;
use crate::core::Core;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::limits::Limit;

/// A limit that counts an address.
pub trait AddressLimit {
    const LIMIT: Limit;
}

/// Requests for a code.
pub struct CodeRequests;

impl AddressLimit for CodeRequests {
    const LIMIT: Limit = Limit::SendPerAddress;
}

/// All other requests to public routes.
pub struct PublicRequests;

impl AddressLimit for PublicRequests {
    const LIMIT: Limit = Limit::PublicPerAddress;
}

/// Requests for a link of a QR log-in.
pub struct QrLinks;

impl AddressLimit for QrLinks {
    const LIMIT: Limit = Limit::QrLinkPerAddress;
}

/// The request has been counted by its address, and is within the limit.
pub struct RateLimited<L>(PhantomData<L>);

impl<S, L> FromRequestParts<S> for RateLimited<L>
where
    S: Sync,
    Core: FromRef<S>,
    L: AddressLimit,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let context = RequestContext::of(&parts.extensions)?;
        count_address(&Core::from_ref(state), &context, L::LIMIT).await?;
        Ok(Self(PhantomData))
    }
}

async fn count_address(
    core: &Core,
    context: &RequestContext,
    limit: Limit,
) -> Result<(), CacheError> {
    let config = &core.config.limits;
    let check = if limit == Limit::SendPerAddress {
        let networks = context.networks();
        context.rate_limit_check(config, &[]).with_networks(config, limit, &networks)
    } else {
        context.rate_limit_check(config, &[(limit, &context.network())])
    };
    core.cache.take_limits(&check).await
}

/// Counts a request that is refused before its caller is known by the address. Over the
/// limit, the limit is the answer (429 comes before 401).
pub(super) async fn refuse_by_address(
    core: &Core,
    context: &RequestContext,
    problem: Problem,
) -> Problem {
    match count_address(core, context, PublicRequests::LIMIT).await {
        Err(limited @ CacheError::Limited { .. }) => limited.into(),
        Ok(()) | Err(_) => problem,
    }
}

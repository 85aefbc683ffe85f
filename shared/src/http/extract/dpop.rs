//! Proofs of possession (DPoP, RFC 9449). A client that sends one at register or login gets tokens
//! that are bound to its key. From then on each request with them needs a proof of its own.

use axum::extract::{FromRef, FromRequestParts};
use domain::ids::CallId;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use super::rate_limit::refuse_by_address;
use crate::core::Core;
use crate::http::context::RequestContext;
use crate::http::problem::{Code, Problem};
use crate::telemetry::ErrorChain;
use crate::tokens::dpop::{Confirmation, DpopProof, DpopRequest};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The key that the tokens of a new session are bound to; none if the client sent no proof.
#[derive(Clone, Debug)]
pub struct Binding(pub Option<Confirmation>);

/// What a proof is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProvenRequest<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub headers: &'a HeaderMap,
}

impl<'a> ProvenRequest<'a> {
    pub(super) fn of(parts: &'a Parts) -> Self {
        Self { method: &parts.method, path: parts.uri.path(), headers: &parts.headers }
    }

    /// The key that the request proves to have; none without a proof. A proof that does not hold,
    /// or was shown before, is refused.
    pub(super) async fn key(
        &self,
        core: &Core,
        context: &RequestContext,
        access_token: Option<&str>,
    ) -> Result<Option<Confirmation>, Problem> {
        let mut headers = self.headers.get_all(DPOP).iter();
        let Some(header) = headers.next() else { return Ok(None) };
        let refused = || Problem::new(Code::DpopProofInvalid);
        let of = DpopRequest {
            method: self.method.as_str(),
            origins: &core.config.http.public_origins,
            path: self.path,
            access_token,
        };
        let text = header.to_str().map_err(|_| refused())?;
        if headers.next().is_some() {
            return Err(refused());
        }
        let proof = DpopProof::verify(text, &of, context.now()).map_err(|_| refused())?;
        let call = CallId::new(core.rng.bytes());
        match core.cache.remember_dpop_proof(&proof, call, context.now()).await {
            Ok(true) => {}
            Ok(false) => return Err(refused()),
            // The proof is a minute old at most, and for this request alone: nobody is signed out
            // because Redis is down.
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to remember a DPoP proof");
            }
        }
        Ok(Some(Confirmation { jkt: proof.jkt }))
    }

    /// Demands the key that a token is bound to.
    pub(super) async fn demand(
        &self,
        core: &Core,
        context: &RequestContext,
        bound_to: Option<&Confirmation>,
        access_token: Option<&str>,
    ) -> Result<(), Problem> {
        let Some(bound_to) = bound_to else { return Ok(()) };
        match self.key(core, context, access_token).await? {
            Some(key) if key == *bound_to => Ok(()),
            _ => Err(Problem::new(Code::DpopProofInvalid)),
        }
    }
}

impl<S> FromRequestParts<S> for Binding
where
    S: Sync,
    Core: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let core = Core::from_ref(state);
        let context = RequestContext::of(&parts.extensions)?;
        match ProvenRequest::of(parts).key(&core, &context, None).await {
            Ok(key) => Ok(Self(key)),
            Err(problem) => Err(refuse_by_address(&core, &context, problem).await),
        }
    }
}

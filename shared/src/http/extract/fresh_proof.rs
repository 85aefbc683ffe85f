//! Callers who may do what a stolen token alone must not do: their access token is young, and the
//! number of the account was proven a short time ago.
//!
//! A handler takes a [`FreshCaller`], then a body with [`ProofFields`]. Only both together make the
//! [`FreshProof`] that the store asks for; the statement that makes the change checks the rest and
//! consumes the verification.

use axum::extract::{FromRef, FromRequestParts};
use domain::ids::{DeviceId, VerificationId};
use domain::phone::PhoneNumber;
use domain::principal::Principal;
use domain::verification::Purpose;
use http::request::Parts;
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

use super::auth::VerifiedToken;
use super::json::{Validate, ValidationErrors};
use super::path::uuid;
use crate::cache::verification::Verification;
use crate::core::Core;
use crate::crypto::{Pepper, PepperKeys};
use crate::http::context::RequestContext;
use crate::http::problem::{Code, Problem};
use crate::store::fresh_proof::{FreshProof, ProofRefusal};
use crate::telemetry::ErrorChain;
use crate::tokens::TokenVerifier;

/// A token older than this is refused: whoever has the refresh token gets a younger one.
const MAX_TOKEN_AGE: Duration = Duration::from_mins(2);

/// A caller with an access token of the last two minutes.
#[derive(Clone, Copy, Debug)]
pub struct FreshCaller(Principal);

/// The fields of a body that prove the number of the account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FreshProof, example = json!({}))]
pub struct ProofRequest {
    /// A log-in verification of the account's number, confirmed and not used. Needed if the
    /// log-in of this session is older than 10 minutes, and used up then. If its request named a
    /// device, it must be this one.
    #[schema(value_type = Option<Uuid>)]
    proof_verification_id: Option<String>,
}

/// The verification that a caller shows, if any.
pub struct ProofFields {
    verification: Option<VerificationId>,
}

impl Validate for ProofFields {
    type Wire = ProofRequest;

    fn validate(wire: ProofRequest, errors: &mut ValidationErrors) -> Option<Self> {
        let id = errors.optional("proofVerificationId", wire.proof_verification_id, |id| uuid(&id));
        Some(Self { verification: id.map(VerificationId::from_uuid) })
    }
}

impl<S> FromRequestParts<S> for FreshCaller
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (core, verifier) = (Core::from_ref(state), TokenVerifier::from_ref(state));
        let context = RequestContext::of(&parts.extensions)?;
        let token = VerifiedToken::verify(&core, &verifier, &context, &parts.headers).await?;
        let issued_at = token.issued_at();
        let (principal, _) = token.authorize(&core, &context, &[], &[]).await?;
        // Both to the second, as tokens tell it.
        if context.now().since(issued_at).as_secs() <= MAX_TOKEN_AGE.as_secs() {
            return Ok(Self(principal));
        }
        // A shipped client knows one way to a younger token: it refreshes after a 401.
        Err(Problem::new(if core.config.http.legacy_clients {
            Code::TokenExpired
        } else {
            Code::FreshProofRequired
        }))
    }
}

impl FreshCaller {
    /// Adds what the body shows. A verification that proves nothing counts as none.
    pub async fn with(
        self,
        core: &Core,
        pepper: &Pepper,
        context: &RequestContext,
        fields: ProofFields,
    ) -> Result<FreshProof, Problem> {
        let Self(principal) = self;
        let Some(id) = fields.verification else { return Ok(FreshProof::new(principal, None)) };
        let found = core.cache.find_verification(&id, context.now()).await?;
        let peppers = pepper.load();
        let found = found.filter(|found| found.verified && found.purpose == Purpose::Login);
        let found = found.and_then(|found| Some((peppers.by_id(&found.pepper)?, found)));
        let proven = match found {
            Some((pepper, found))
                if is_of_device(core, pepper, &id, &found, principal.device).await? =>
            {
                let phone = pepper.cipher.decrypt(&found.sealed_phone, &id).ok();
                phone.and_then(|phone| PhoneNumber::from_stored(phone).ok())
            }
            _ => None,
        };
        Ok(FreshProof::new(principal, proven.map(|phone| (id, phone))))
    }
}

/// Whether a verification is bound to no device, or to this one.
async fn is_of_device(
    core: &Core,
    pepper: &PepperKeys,
    id: &VerificationId,
    found: &Verification,
    device: DeviceId,
) -> Result<bool, Problem> {
    if pepper.admits_device(id, &found.device, None) {
        return Ok(true);
    }
    let fingerprint = core.store.find_fingerprint(device).await?;
    let names = [fingerprint, Some(device.to_string())];
    Ok(names.iter().flatten().any(|name| pepper.admits_device(id, &found.device, Some(name))))
}

/// Removes a verification that was consumed. Its row keeps it from being used again.
pub async fn forget_verification(core: &Core, proof: &FreshProof) {
    let Some(id) = proof.verification_id() else { return };
    if let Err(error) = core.cache.delete_verification(id).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to delete a used verification");
    }
}

impl From<ProofRefusal> for Problem {
    fn from(refusal: ProofRefusal) -> Self {
        Self::new(match refusal {
            ProofRefusal::SessionEnded => Code::SessionEnded,
            ProofRefusal::SecondFactorRequired => Code::TwoFactorRequired,
            ProofRefusal::Unproven => Code::FreshProofRequired,
        })
    }
}

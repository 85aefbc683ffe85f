//! Callers who may do what a stolen token alone must not do: their access token is young, and the
//! number of the account was proven a short time ago.
//!
//! A handler takes a [`FreshCaller`], then a body with [`ProofFields`]. Only both together make the
//! [`FreshProof`] that the store asks for; the statement that makes the change checks the rest and
//! consumes the verification. Where it depends on the change whether an old token will do, the
//! handler takes a [`ChangeCaller`].

use axum::extract::{FromRef, FromRequestParts};
use domain::access::AccessRefusal;
use domain::device::Fingerprint;
use domain::ids::{CallId, DeviceId, VerificationId};
use domain::phone::PhoneNumber;
use domain::principal::Principal;
use domain::second_factor::SecondFactorToken;
use domain::time::Timestamp;
use domain::verification::Purpose;
use http::request::Parts;
use serde::Deserialize;
use std::ops::Deref;
use std::time::Duration;
use utoipa::ToSchema;

use super::auth::VerifiedToken;
use super::dpop::ProvenRequest;
use super::json::{Validate, ValidationErrors};
use super::path::uuid;
use crate::cache::verification::Verification;
use crate::core::Core;
use crate::crypto::{Pepper, PepperKeys};
use crate::http::context::RequestContext;
use crate::http::problem::{Code, Problem};
use crate::second_factor::{RightCode, SecondFactor};
use crate::store::access::{AccessDenied, FreshProof};
use crate::store::second_factor::SecondFactorState;
use crate::telemetry::ErrorChain;
use crate::tokens::TokenVerifier;

/// A token older than this is refused: whoever has the refresh token gets a younger one.
const MAX_TOKEN_AGE: Duration = Duration::from_mins(2);

/// A caller with an access token of the last two minutes.
#[derive(Clone, Copy, Debug)]
pub struct FreshCaller(ChangeCaller);

/// A caller who changes its account. The store decides whether the age of the token matters.
#[derive(Clone, Copy, Debug)]
pub struct ChangeCaller {
    principal: Principal,
    young_token: bool,
}

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
#[derive(Default)]
pub struct ProofFields {
    verification: Option<VerificationId>,
}

impl Validate for ProofFields {
    type Wire = ProofRequest;

    fn validate(wire: ProofRequest, errors: &mut ValidationErrors) -> Option<Self> {
        Some(Self::parse(wire.proof_verification_id, errors))
    }
}

impl ProofFields {
    /// The field `proofVerificationId` of a body with other fields.
    pub fn parse(id: Option<String>, errors: &mut ValidationErrors) -> Self {
        let id = errors.optional("proofVerificationId", id, |id| uuid(&id));
        Self { verification: id.map(VerificationId::from_uuid) }
    }
}

/// The field `twoFactorToken` of a body.
pub fn second_factor_token(
    token: Option<String>,
    errors: &mut ValidationErrors,
) -> Option<SecondFactorToken> {
    errors.optional("twoFactorToken", token, |token| SecondFactorToken::parse(&token))
}

/// All that a body may show: that the caller has the current number, or a code of the second factor.
pub struct ShownFields {
    fields: ProofFields,
    token: Option<SecondFactorToken>,
}

impl ShownFields {
    /// The fields `proofVerificationId` and `twoFactorToken` of a body.
    pub fn parse(
        verification: Option<String>,
        token: Option<String>,
        errors: &mut ValidationErrors,
    ) -> Self {
        let fields = ProofFields::parse(verification, errors);
        Self { fields, token: second_factor_token(token, errors) }
    }
}

/// A proof, and the code of the second factor that it shows, if any.
pub struct ShownProof {
    pub proof: FreshProof,
    code: Option<RightCode>,
}

impl ShownProof {
    /// Tells what became of the code, if one was shown.
    pub async fn conclude<D, E>(
        &self,
        core: &Core,
        result: &Result<Result<D, AccessDenied>, E>,
        now: Timestamp,
    ) {
        if let Some(code) = &self.code {
            code.conclude(core, result, now).await;
        }
    }
}

/// A proof that shows a right code of the second factor.
pub struct ProofWithCode {
    pub proof: FreshProof,
    pub code: RightCode,
}

impl<S> FromRequestParts<S> for ChangeCaller
where
    S: Sync,
    Core: FromRef<S>,
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (core, verifier) = (Core::from_ref(state), TokenVerifier::from_ref(state));
        let context = RequestContext::of(&parts.extensions)?;
        let token =
            VerifiedToken::verify(&core, &verifier, &context, ProvenRequest::of(parts)).await?;
        let issued_at = token.issued_at();
        let (principal, _) = token.authorize(&core, &context, &[], &[]).await?;
        // Both to the second, as tokens tell it.
        let young_token = context.now().since(issued_at).as_secs() <= MAX_TOKEN_AGE.as_secs();
        Ok(Self { principal, young_token })
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
        let caller = ChangeCaller::from_request_parts(parts, state).await?;
        if caller.young_token {
            return Ok(Self(caller));
        }
        Err(Problem::new(token_too_old(Core::from_ref(state).config.http.legacy_clients)))
    }
}

/// A shipped client knows one way to a younger token: it refreshes after a 401.
const fn token_too_old(serves_shipped_clients: bool) -> Code {
    if serves_shipped_clients { Code::TokenExpired } else { Code::FreshProofRequired }
}

/// All that any caller may show, with a token that is young.
impl Deref for FreshCaller {
    type Target = ChangeCaller;

    fn deref(&self) -> &ChangeCaller {
        &self.0
    }
}

impl ChangeCaller {
    #[must_use]
    pub const fn principal(self) -> Principal {
        self.principal
    }

    /// Of a change that no proof beside the token is asked for.
    #[must_use]
    pub fn without_proof(self, core: &Core) -> FreshProof {
        FreshProof {
            principal: self.principal,
            call: CallId::new(core.rng.bytes()),
            young_token: self.young_token,
            proven: None,
            second_factor: None,
            serves_shipped_clients: core.config.http.legacy_clients,
        }
    }

    /// Adds what the body shows. A verification that proves nothing counts as none.
    pub async fn with(
        self,
        core: &Core,
        pepper: &Pepper,
        context: &RequestContext,
        fields: ProofFields,
    ) -> Result<FreshProof, Problem> {
        let proof = self.without_proof(core);
        let Some(id) = fields.verification else { return Ok(proof) };
        let of = (Purpose::Login, RequestedBy::Device(self.principal.device));
        let proven = proven_phone(core, pepper, context.now(), &id, of).await?;
        Ok(FreshProof { proven: proven.map(|phone| (id, phone)), ..proof })
    }

    /// Adds what the body shows, with a code of the second factor only if the account has one.
    pub async fn with_any(
        self,
        core: &Core,
        second_factor: &SecondFactor,
        context: &RequestContext,
        ShownFields { fields, token }: ShownFields,
    ) -> Result<ShownProof, Problem> {
        if let Some(token) = &token {
            let found = core.store.find_second_factor(self.principal.user, context.now()).await?;
            if let Some(found) = found.filter(|found| found.enabled) {
                let shown = (&found, token);
                let ProofWithCode { proof, code } =
                    self.with_second_factor(core, second_factor, context, fields, shown).await?;
                return Ok(ShownProof { proof, code: Some(code) });
            }
        }
        let proof = self.with(core, &second_factor.pepper, context, fields).await?;
        Ok(ShownProof { proof, code: None })
    }

    /// Adds what the body shows, with a code of the second factor, which is enabled. A wrong code
    /// is 401. A right one is spent by the change; the caller then concludes it.
    pub async fn with_second_factor(
        self,
        core: &Core,
        second_factor: &SecondFactor,
        context: &RequestContext,
        fields: ProofFields,
        (state, token): (&SecondFactorState, &SecondFactorToken),
    ) -> Result<ProofWithCode, Problem> {
        let (session, now) = (Some(self.principal.session), context.now());
        let code = second_factor.check(core, state, session, token, now).await?;
        let code = code.ok_or_else(|| Problem::new(Code::TwoFactorInvalid))?;
        let proof = self.with(core, &second_factor.pepper, context, fields).await?;
        Ok(ProofWithCode { proof: proof.with_second_factor(code.code.clone()), code })
    }
}

/// Who may use a verification that its request has bound to a device.
#[derive(Clone, Copy, Debug)]
pub enum RequestedBy<'a> {
    /// A device of an account.
    Device(DeviceId),
    /// A device that is known by the client's own id of it alone.
    Fingerprint(Option<&'a Fingerprint>),
}

/// The number that a verification proves, if it is confirmed, for this purpose and this device.
pub async fn proven_phone(
    core: &Core,
    pepper: &Pepper,
    now: Timestamp,
    id: &VerificationId,
    (purpose, by): (Purpose, RequestedBy<'_>),
) -> Result<Option<PhoneNumber>, Problem> {
    let found = core.cache.find_verification(id, now).await?;
    let peppers = pepper.load();
    let found = found.filter(|found| found.verified && found.purpose == purpose);
    let found = found.and_then(|found| Some((peppers.by_id(&found.pepper)?, found)));
    let Some((pepper, found)) = found else { return Ok(None) };
    let is_bound_to = match by {
        RequestedBy::Device(device) => is_of_device(core, pepper, id, &found, device).await?,
        RequestedBy::Fingerprint(fingerprint) => {
            pepper.admits_device(id, &found.device, fingerprint.map(Fingerprint::as_str))
        }
    };
    if !is_bound_to {
        return Ok(None);
    }
    let phone = pepper.cipher.decrypt(&found.sealed_phone, id).ok();
    Ok(phone.and_then(|phone| PhoneNumber::from_stored(phone).ok()))
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
    delete_verification(core, id).await;
}

/// The same of a verification by its id.
pub async fn delete_verification(core: &Core, id: &VerificationId) {
    if let Err(error) = core.cache.delete_verification(id).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to delete a used verification");
    }
}

/// The refusal of a change whose caller was a [`ChangeCaller`].
#[must_use]
pub fn refused(proof: &FreshProof, denied: AccessDenied) -> Problem {
    match denied {
        AccessDenied::Refused(AccessRefusal::FreshProofRequired) if !proof.young_token => {
            Problem::new(token_too_old(proof.serves_shipped_clients))
        }
        denied => denied.into(),
    }
}

impl From<AccessDenied> for Problem {
    fn from(denied: AccessDenied) -> Self {
        match denied {
            AccessDenied::SessionEnded => Self::new(Code::SessionEnded),
            AccessDenied::DeviceNotFound => Self::new(Code::DeviceNotFound),
            AccessDenied::SecondFactorSpent => Self::new(Code::TwoFactorInvalid),
            AccessDenied::Refused(AccessRefusal::FreshProofRequired) => {
                Self::new(Code::FreshProofRequired)
            }
            AccessDenied::Refused(AccessRefusal::SecondFactorRequired) => {
                Self::new(Code::TwoFactorRequired)
            }
            AccessDenied::Refused(AccessRefusal::TooNew { allowed_at }) => {
                Self::too_new(allowed_at)
            }
        }
    }
}

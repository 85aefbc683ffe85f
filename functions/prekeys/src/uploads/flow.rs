//! The use cases: load, decide, store, answer.

use domain::prekey::{IdentityKey, KyberPrekey, Prekey, SignedPrekey};
use domain::principal::Principal;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::http::context::RequestContext;
use shared::http::problem::{Code, Problem};
use shared::http::signal_keys::{SignatureErrors, last_resort_clash};
use shared::store::keys::{Upload, UploadedBy};

use super::wire::Uploaded;
use crate::state::PrekeysState;

/// Rotates the signed prekey of the caller's device.
pub async fn signed_prekey(
    state: &PrekeysState,
    context: &RequestContext,
    principal: Principal,
    signed: &SignedPrekey,
) -> Result<Uploaded, Problem> {
    let identity = identity(state, principal).await?;
    let mut signature_errors = SignatureErrors::default();
    signature_errors.signed(&state.core, &identity.verifier(), signed, "signature");
    signature_errors.into_result()?;
    let (audit, rng) = (entry(state, context, principal), state.core.rng);
    let by = UploadedBy { principal, now: context.now(), audit: &audit };
    let upload = state.core.store.replace_signed_prekey(by, &identity, signed, rng).await?;
    stored(upload, "keyId")?;
    Ok(Uploaded { message: "The signed prekey is stored.", uploaded: None })
}

/// Replaces the Kyber prekey of last resort of the caller's device.
pub async fn kyber_last_resort(
    state: &PrekeysState,
    context: &RequestContext,
    principal: Principal,
    last_resort: &KyberPrekey,
) -> Result<Uploaded, Problem> {
    let identity = identity(state, principal).await?;
    let mut signature_errors = SignatureErrors::default();
    signature_errors.kyber(&identity.verifier(), last_resort, "signature");
    signature_errors.into_result()?;
    let (audit, rng) = (entry(state, context, principal), state.core.rng);
    let by = UploadedBy { principal, now: context.now(), audit: &audit };
    let upload = state.core.store.replace_last_resort(by, &identity, last_resort, rng).await?;
    stored(upload, "keyId")?;
    Ok(Uploaded { message: "The last-resort prekey is stored.", uploaded: None })
}

/// Replaces the unused one-time keys of the caller's device.
pub async fn prekeys(
    state: &PrekeysState,
    context: &RequestContext,
    principal: Principal,
    keys: &[Prekey],
) -> Result<Uploaded, Problem> {
    let mut uploaded = 0;
    if !keys.is_empty() {
        let audit = entry(state, context, principal);
        let by = UploadedBy { principal, now: context.now(), audit: &audit };
        let upload = state.core.store.replace_prekeys(by, keys).await?;
        uploaded = stored(upload, "preKeys")?;
    }
    Ok(Uploaded { message: "The prekeys are stored.", uploaded: Some(uploaded) })
}

/// Replaces the unused one-time Kyber keys of the caller's device.
pub async fn kyber_prekeys(
    state: &PrekeysState,
    context: &RequestContext,
    principal: Principal,
    keys: &[KyberPrekey],
) -> Result<Uploaded, Problem> {
    let mut uploaded = 0;
    if !keys.is_empty() {
        let identity = identity(state, principal).await?;
        let mut signature_errors = SignatureErrors::default();
        signature_errors.kyber_list(&identity.verifier(), keys, "kyberPreKeys");
        signature_errors.into_result()?;
        let audit = entry(state, context, principal);
        let by = UploadedBy { principal, now: context.now(), audit: &audit };
        let upload = state.core.store.replace_kyber_prekeys(by, &identity, keys).await?;
        uploaded = stored(upload, "kyberPreKeys")?;
    }
    Ok(Uploaded { message: "The Kyber prekeys are stored.", uploaded: Some(uploaded) })
}

fn entry(state: &PrekeysState, context: &RequestContext, principal: Principal) -> AuditEntry {
    AuditEntry::about(
        SecurityEvent::PrekeysUploaded,
        Some(principal.session),
        Some(principal.device),
        &context.address(),
        context.now(),
        state.core.rng,
    )
}

/// The key that the device's signatures must be by.
async fn identity(state: &PrekeysState, principal: Principal) -> Result<IdentityKey, Problem> {
    let identity = state.core.store.find_identity_key(principal.device).await?;
    identity.ok_or_else(|| Problem::new(Code::IdentityKeyMissing))
}

fn stored(upload: Upload, field: &str) -> Result<u32, Problem> {
    match upload {
        Upload::Stored(count) => Ok(count),
        Upload::NoSession => Err(Problem::new(Code::SessionEnded)),
        // Never published, or changed since its signatures were checked.
        Upload::NoIdentity => Err(Problem::new(Code::IdentityKeyMissing)),
        Upload::LastResortClash => Err(last_resort_clash(field)),
    }
}

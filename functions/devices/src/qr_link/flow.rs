//! The use cases: make a link, prove its keys, fetch the tokens.

use domain::hex::hex;
use domain::ids::QrLoginId;
use domain::prekey::{IdentityKey, ProofPurpose, Signature};
use domain::qr::{LINK_TTL, MAX_LINK_ONE_TIME_KEYS};
use shared::cache::qr::{QrKind, QrLogin, QrState};
use shared::http::context::RequestContext;
use shared::http::extract::Binding;
use shared::http::problem::{Code, FieldError, Problem};
use shared::http::signal_keys::{SignalKeyBundleWire, verify_keys, verify_proof};
use shared::qr::QrPicture;

use super::wire::{LinkPoll, QrLink};
use crate::qr::approval::waits_for_proof;
use crate::qr::delivery::{open, poll};
use crate::qr::new_device::{NewDevice, Secrets};
use crate::qr::wire::Polled;
use crate::state::DevicesState;

const PROOF: &str = "identityProof";

/// Makes a link for a new device to show.
pub async fn make(
    state: &DevicesState,
    context: &RequestContext,
    binding: Binding,
    device: NewDevice,
) -> Result<QrLink, Problem> {
    let (core, now) = (&state.core, context.now());
    if let Some(new) = &device.keys {
        verify_keys(core, &new.keys)?;
    }
    let id = QrLoginId::new(core.rng.bytes());
    let identity = device.keys.as_ref().map(|new| &new.keys.identity);
    let qr = text(&id, identity);
    let picture = QrPicture::new(&qr).map_err(Problem::internal)?;
    let qr_png = picture.png_data_url().map_err(Problem::internal)?;
    let secrets = Secrets::draw(core.rng);
    let kept = MAX_LINK_ONE_TIME_KEYS;
    let newcomer = device.waiting(&id, &secrets, context, binding, core.rng, kept);
    core.cache.start_qr_link(&id, &newcomer, now).await?;
    Ok(QrLink {
        link_id: *id.as_uuid(),
        link_secret: secrets.secret.expose().to_owned(),
        confirm_code: secrets.confirm_code.digits().to_owned(),
        qr,
        qr_png,
        qr_svg: picture.svg(),
        expires_in: LINK_TTL.as_secs(),
    })
}

/// What the QR code says. Never the secret: whoever photographs the code can fetch nothing.
fn text(id: &QrLoginId, identity: Option<&IdentityKey>) -> String {
    let key = identity.map(|identity| format!("&key={}", hex(&identity.digest())));
    format!("whispr://link?id={id}{}", key.unwrap_or_default())
}

/// The new device asks whether it is let in, and proves its keys.
pub async fn poll_link(
    state: &DevicesState,
    context: &RequestContext,
    binding: &Binding,
    id: &QrLoginId,
    LinkPoll { secret, proof, replaced }: LinkPoll,
) -> Result<Polled, Problem> {
    let of = (QrKind::Link, id);
    let login = open(state, context, of, &secret).await?;
    if login.state == QrState::Scanned && login.has_keys && login.proof.is_none() {
        prove(state, context, id, &login, proof).await?;
    }
    poll(state, context, binding, of, login, replaced).await
}

async fn prove(
    state: &DevicesState,
    context: &RequestContext,
    id: &QrLoginId,
    login: &QrLogin,
    proof: Option<Signature>,
) -> Result<(), Problem> {
    let (core, now) = (&state.core, context.now());
    let Some(proof) = proof else {
        if !waits_for_proof(state, QrKind::Link, login) {
            return Ok(());
        }
        let error = FieldError::new(PROOF, "required", "is required");
        return Err(Problem::with_errors(Code::IdentityProofRequired, vec![error]));
    };
    let gone = || Problem::new(Code::QrGone);
    let keys = core.cache.find_qr_link_keys(id, now).await?;
    let keys = keys.as_deref().and_then(SignalKeyBundleWire::from_stored).ok_or_else(gone)?;
    verify_proof(state.issuer.issuer(), ProofPurpose::Link(id), &keys, &proof, PROOF)?;
    let is_kept = core.cache.prove_qr_link(id, proof.as_str(), now).await?;
    if is_kept { Ok(()) } else { Err(gone()) }
}

//! The use cases: show a challenge, scan it, fetch the tokens.

use domain::ids::{CallId, DeviceId, QrLoginId};
use domain::prekey::{MAX_ONE_TIME_KEYS, ProofPurpose};
use domain::principal::Principal;
use domain::qr::{Challenge, QrSecret};
use shared::cache::qr::{QrKind, QrState};
use shared::http::context::RequestContext;
use shared::http::extract::Binding;
use shared::http::problem::{Code, Problem};
use shared::http::signal_keys::verify_bundle;

use super::wire::{QrScan, Scan, ScanPoll};
use crate::qr::delivery::{open, poll};
use crate::qr::new_device::Secrets;
use crate::qr::wire::Polled;
use crate::state::DevicesState;

/// Makes a challenge for the device of the caller to show.
pub async fn show(
    state: &DevicesState,
    context: &RequestContext,
    principal: Principal,
    device: DeviceId,
) -> Result<Challenge, Problem> {
    if device != principal.device {
        return Err(Problem::new(Code::DeviceNotFound));
    }
    let (core, now) = (&state.core, context.now());
    let id = QrLoginId::new(core.rng.bytes());
    let challenge = Challenge::new(id, device, &QrSecret::new(core.rng.bytes()));
    core.cache.start_qr_challenge(&id, principal, &challenge.digest(), now).await?;
    Ok(challenge)
}

/// Takes a challenge for a new device.
pub async fn scan(
    state: &DevicesState,
    context: &RequestContext,
    binding: Binding,
    Scan { challenge, shown_by, device }: Scan,
) -> Result<QrScan, Problem> {
    let (core, now, digest) = (&state.core, context.now(), challenge.digest());
    let gone = || Problem::new(Code::QrGone);
    let found = core.cache.find_qr_login(QrKind::Challenge, &challenge.id, now).await?;
    let found = found.filter(|login| {
        let is_shown = login.state == QrState::Shown && login.is_challenge(&digest);
        is_shown && login.owner.is_some_and(|(_, device)| device == shown_by)
    });
    let expires_at = found.ok_or_else(gone)?.expires_at;
    if let Some(new) = &device.keys {
        verify_bundle(core, state.issuer.issuer(), ProofPurpose::Scan(&digest), &new.keys)?;
    }
    let secrets = Secrets::draw(core.rng);
    let kept = MAX_ONE_TIME_KEYS;
    let newcomer = device.waiting(&challenge.id, &secrets, context, binding, core.rng, kept);
    let call = CallId::new(core.rng.bytes());
    if !core.cache.scan_qr_challenge(&challenge.id, &newcomer, call, now).await? {
        return Err(gone());
    }
    Ok(QrScan {
        scan_id: *challenge.id.as_uuid(),
        scan_secret: secrets.secret.expose().to_owned(),
        confirm_code: secrets.confirm_code.digits().to_owned(),
        expires_in: expires_at.seconds_left(now),
    })
}

/// The new device asks whether it is let in.
pub async fn poll_scan(
    state: &DevicesState,
    context: &RequestContext,
    binding: &Binding,
    id: &QrLoginId,
    ScanPoll { secret, replaced }: ScanPoll,
) -> Result<Polled, Problem> {
    let of = (QrKind::Challenge, id);
    let login = open(state, context, of, &secret).await?;
    poll(state, context, binding, of, login, replaced).await
}

//! The new device fetches its tokens.

use domain::access::Choice;
use domain::device::{DeviceType, Fingerprint};
use domain::ids::{DeviceId, EntryId, SessionId, VerificationId};
use domain::prekey::Signature;
use domain::principal::Principal;
use domain::qr::QrSecret;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::cache::qr::{QrLogin, QrState};
use shared::http::context::RequestContext;
use shared::http::extract::Binding;
use shared::http::login_tokens::{LoginTimes, Tokens};
use shared::http::problem::{Code, Problem};
use shared::http::signal_keys::{SignalKeyBundleWire, claim_again, last_resort_clash};
use shared::store::access::Approval;
use shared::store::keys::NewKeys;
use shared::store::login::{Delivered, DeliveryOutcome, DeviceDetails, LoginOutcome, NewLogin};
use shared::telemetry::ErrorChain;

use super::approval::Of;
use super::wire::{PendingStatus, Polled, QrPending};
use crate::state::DevicesState;

fn gone() -> Problem {
    Problem::new(Code::QrGone)
}

/// The QR log-in of a secret. Whoever does not have it learns nothing, not even whether there is one.
pub async fn open(
    state: &DevicesState,
    context: &RequestContext,
    (kind, id): Of<'_>,
    secret: &QrSecret,
) -> Result<QrLogin, Problem> {
    let found = state.core.cache.find_qr_login(kind, id, context.now()).await?;
    found.filter(|login| login.is_secret(&secret.digest())).ok_or_else(gone)
}

/// Waits, or logs in.
pub async fn poll(
    state: &DevicesState,
    context: &RequestContext,
    binding: &Binding,
    of: Of<'_>,
    login: QrLogin,
    replaced: Option<DeviceId>,
) -> Result<Polled, Problem> {
    match (login.state, &login.approved) {
        (QrState::Shown | QrState::Scanned, _) => {
            let expires_in = login.expires_at.seconds_left(context.now());
            Ok(Polled::Pending(QrPending { status: PendingStatus::Pending, expires_in }))
        }
        (QrState::Denied, _) => Err(Problem::new(Code::QrDenied)),
        (QrState::Approved, Some((approval, session))) => {
            let approved = (approval, *session);
            let tokens = deliver(state, context, binding, of, &login, approved, replaced).await?;
            Ok(Polled::LoggedIn(Box::new(tokens)))
        }
        (QrState::Approved, None) => Err(gone()),
    }
}

async fn deliver(
    state: &DevicesState,
    context: &RequestContext,
    binding: &Binding,
    of: Of<'_>,
    login: &QrLogin,
    (approval, session): (&Approval, SessionId),
    replaced: Option<DeviceId>,
) -> Result<Tokens, Problem> {
    let (core, now) = (&state.core, context.now());
    let jkt = binding.0.as_ref().map(|binding| &*binding.jkt);
    let delivery = core.cache.begin_qr_delivery(of, jkt, now).await?.ok_or_else(gone)?;
    if delivery.jkt.as_deref() != jkt {
        return Err(Problem::new(Code::DpopProofInvalid));
    }
    let keys = delivery.keys.as_deref();
    let new_login = new_login(state, context, of, login, (approval, session), (keys, replaced))?;
    let Delivered { completed, issued_at, auth_time, phone } =
        *store(state, &new_login, approval).await?;
    // The session exists in Postgres: without its cache entry, its row is read.
    let user = completed.user;
    if let Err(error) = core.cache.cache_login(user, session, &completed.ended, None).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to cache login session");
    }
    // Postgres knows that the log-in was used, and the record expires.
    if let Err(error) = core.cache.end_qr_delivery(of.0, of.1, now).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to end a QR log-in");
    }
    if !login.is_delivered {
        core.metrics.count("auth_qr_logins_total");
    }
    let principal = Principal { user, session, device: completed.device };
    let of_device = (completed.installation, completed.signal_device_id);
    let times = LoginTimes { issued_at, auth_time, now };
    let tokens = Tokens::issue(&state.issuer, core.rng, principal, binding, of_device, times)?;
    Ok(tokens.with_phone(phone.as_ref()))
}

/// Makes the session, and makes way for it where another user holds its identity key in vain.
async fn store(
    state: &DevicesState,
    login: &NewLogin,
    approval: &Approval,
) -> Result<Box<Delivered>, Problem> {
    let core = &state.core;
    let mut tries = 0;
    let refusal = loop {
        match core.store.deliver_login(login, approval).await? {
            DeliveryOutcome::Delivered(delivered) => return Ok(delivered),
            DeliveryOutcome::Void => return Err(gone()),
            DeliveryOutcome::Refused(LoginOutcome::IdentityKeyInUse)
                if claim_again(core, login, &mut tries).await? => {}
            DeliveryOutcome::Refused(refusal) => break refusal,
        }
    };
    Err(match refusal {
        LoginOutcome::DeviceLimit(devices) => Problem::device_limit(devices),
        LoginOutcome::IdentityKeyInUse => Problem::new(Code::IdentityKeyInUse),
        LoginOutcome::DeviceIdsExhausted => Problem::new(Code::DeviceIdsExhausted),
        LoginOutcome::LastResortClash => last_resort_clash("signalKeyBundle.kyberLastResortPreKey"),
        // What only a number and its code meet.
        LoginOutcome::Completed(_)
        | LoginOutcome::AccountExists
        | LoginOutcome::AccountNotFound
        | LoginOutcome::VerificationUsed
        | LoginOutcome::SecondFactorRequired
        | LoginOutcome::SecondFactorSpent
        | LoginOutcome::AccountIdle
        | LoginOutcome::RegistrationLocked { .. } => gone(),
    })
}

fn new_login(
    state: &DevicesState,
    context: &RequestContext,
    (_, id): Of<'_>,
    login: &QrLogin,
    (approval, session): (&Approval, SessionId),
    (keys, replaced): (Option<&str>, Option<DeviceId>),
) -> Result<NewLogin, Problem> {
    let (core, now) = (&state.core, context.now());
    let (rng, address, approver) = (core.rng, context.address(), approval.approver);
    let device = login.device.clone().ok_or_else(gone)?;
    let entry = |event, device| AuditEntry::about(event, Some(session), device, &address, now, rng);
    let keys = match keys {
        None => None,
        Some(json) => {
            let mut keys = SignalKeyBundleWire::from_stored(json).ok_or_else(gone)?;
            if let Some(proof) = &login.proof {
                keys.proof = Some(Signature::parse(proof.clone()).map_err(|_| gone())?);
            }
            let audit = entry(SecurityEvent::IdentityKeyChanged, None);
            let digest = state.identities.digest(keys.identity.public().as_bytes());
            Some(NewKeys { digest, keys, rng, audit })
        }
    };
    let fingerprint = Fingerprint::parse(device.fingerprint.clone()).ok();
    Ok(NewLogin {
        verification: VerificationId::from_uuid(*id.as_uuid()),
        user: approver.user,
        device: DeviceId::new(now, &rng.bytes()),
        session,
        history: EntryId::new(now, &rng.bytes()),
        named_device: fingerprint.as_ref().and_then(Fingerprint::as_device_id),
        previous_session: None,
        second_factor: None,
        details: DeviceDetails {
            fingerprint: device.fingerprint,
            kind: DeviceType::parse(&device.kind).ok(),
            // The record has both: nothing is derived anew.
            derived: (DeviceType::Web, device.name.clone()),
            name: Some(device.name),
            model: device.model,
            os_version: device.os_version,
            app_version: device.app_version,
            fcm_token: None,
            apns_token: None,
        },
        keys,
        makes_room: Choice::new(replaced, core.config.http.legacy_clients),
        audit: entry(SecurityEvent::DeviceApproved, Some(approver.device)),
        address,
        now,
        rng,
    })
}

//! The use cases of logging in and out: load, decide, store.

use crate::state::LoginState;
use domain::device::{Fingerprint, from_user_agent};
use domain::ids::{CallId, DeviceId, EntryId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::prekey::SignalDeviceId;
use domain::principal::Principal;
use domain::session::{Rotation, refresh_expires_in};
use domain::verification::Purpose;
use secrecy::ExposeSecret as _;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::cache::verification::Verification;
use shared::crypto::{PepperKeys, PepperSet};
use shared::http::context::RequestContext;
use shared::http::problem::{Code, Problem};
use shared::http::signal_keys::{last_resort_clash, verify_bundle};
use shared::store::keys::NewKeys;
use shared::store::login::{DeviceDetails, LoginCompleted, LoginOutcome, NewLogin};
use shared::telemetry::ErrorChain;

use crate::wire::{Credentials, Tokens};

/// How many unproven claims to one identity key a log-in ends: others may come in between.
const MAX_UNPROVEN_CLAIMS: usize = 3;

/// Creates a session from a confirmed verification: the account's first, or one more.
pub async fn complete_login(
    state: &LoginState,
    context: &RequestContext,
    purpose: Purpose,
    credentials: Credentials,
) -> Result<Tokens, Problem> {
    let found =
        state.core.cache.find_verification(&credentials.verification, context.now()).await?;
    let peppers = state.pepper.load();
    let (verification, pepper) = usable(&peppers, found, purpose, &credentials)
        .ok_or_else(|| Problem::new(Code::VerificationInvalid))?;
    if let Some(keys) = &credentials.keys {
        verify_bundle(&state.core, state.issuer.issuer(), &credentials.verification, keys)?;
    }
    let phone = pepper.cipher.decrypt(&verification.sealed_phone, &credentials.verification)?;
    let phone =
        PhoneNumber::from_stored(phone).map_err(|_| Problem::new(Code::VerificationInvalid))?;

    let login = new_login(state, context, purpose, phone, credentials);
    let mut outcome = store_login(state, purpose, &login).await?;
    for _ in 0..MAX_UNPROVEN_CLAIMS {
        if !matches!(outcome, LoginOutcome::IdentityKeyInUse)
            || !end_unproven_claim(state, &login).await?
        {
            break;
        }
        outcome = store_login(state, purpose, &login).await?;
    }
    let completed = match (outcome, purpose) {
        (LoginOutcome::Completed(completed), _) => completed,
        (LoginOutcome::VerificationUsed, _) => {
            return Err(Problem::new(Code::VerificationInvalid));
        }
        (LoginOutcome::AccountExists, _) => {
            return Err(Problem::new(Code::AccountExists));
        }
        (LoginOutcome::AccountNotFound, _) => {
            return Err(Problem::new(Code::AccountNotFound));
        }
        (LoginOutcome::SecondFactorRequired, _) => {
            return Err(Problem::new(Code::TwoFactorRequired));
        }
        (LoginOutcome::IdentityKeyInUse, _) => {
            return Err(Problem::new(Code::IdentityKeyInUse));
        }
        (LoginOutcome::LastResortClash, _) => {
            return Err(last_resort_clash("signalKeyBundle.kyberLastResortPreKey"));
        }
        (LoginOutcome::DeviceIdsExhausted, _) => {
            return Err(Problem::new(Code::DeviceIdsExhausted));
        }
    };
    // The session exists in Postgres: without its cache entry, its row is read.
    let cached = state
        .core
        .cache
        .cache_login(completed.user, login.session, &completed.ended, &login.verification)
        .await;
    if let Err(error) = cached {
        tracing::warn!(error = %ErrorChain(&error), "failed to cache login session");
    }
    state.core.metrics.count(match purpose {
        Purpose::Register => "auth_registrations_total",
        Purpose::Login => "auth_logins_total",
    });
    tokens(state, &login, completed)
}

async fn store_login(
    state: &LoginState,
    purpose: Purpose,
    login: &NewLogin,
) -> Result<LoginOutcome, Problem> {
    let store = &state.core.store;
    Ok(match purpose {
        Purpose::Register => store.register(login).await?,
        Purpose::Login => store.log_in(login).await?,
    })
}

/// Makes way for a log-in whose identity key is another user's, if this one has proven that the
/// key is its own and the other never did.
async fn end_unproven_claim(state: &LoginState, login: &NewLogin) -> Result<bool, Problem> {
    let proven = login.keys.as_ref().filter(|new| new.keys.proof.is_some());
    let Some(NewKeys { keys, .. }) = proven else { return Ok(false) };
    // Into the chain of the other user, who must not learn this one's address.
    let event = SecurityEvent::IdentityKeyLost;
    let audit = AuditEntry::new(event, None, "", login.now, state.core.rng);
    Ok(state.core.store.end_unproven_claim(&keys.identity, login.now, &audit).await?)
}

/// Ends the session of this device, or of another device of the same user.
pub async fn logout(
    state: &LoginState,
    context: &RequestContext,
    principal: Principal,
    device: Option<DeviceId>,
) -> Result<(), Problem> {
    let audit = entry(state, context, SecurityEvent::SessionEnded, principal.session);
    let call = CallId::new(state.core.rng.bytes());
    let ended = match device {
        None => Some(state.core.store.end_session(principal, call, context.now(), &audit).await?),
        Some(device) => {
            state
                .core
                .store
                .end_device_sessions(principal.user, device, call, context.now(), &audit)
                .await?
        }
    };
    let ended = ended.ok_or_else(|| Problem::new(Code::DeviceForeign))?;
    write_tombstones(state, principal.user, &ended).await;
    Ok(())
}

/// Ends every session of the user.
pub async fn logout_all(
    state: &LoginState,
    context: &RequestContext,
    principal: Principal,
) -> Result<(), Problem> {
    let audit = entry(state, context, SecurityEvent::AllSessionsEnded, principal.session);
    let call = CallId::new(state.core.rng.bytes());
    let ended =
        state.core.store.end_all_sessions(principal.user, call, context.now(), &audit).await?;
    write_tombstones(state, principal.user, &ended).await;
    Ok(())
}

/// The verification with its pepper, if it is confirmed, for this purpose and this device.
fn usable<'p>(
    peppers: &'p PepperSet,
    found: Option<Verification>,
    purpose: Purpose,
    credentials: &Credentials,
) -> Option<(Verification, &'p PepperKeys)> {
    let found = found?;
    let pepper = peppers.by_id(&found.pepper)?;
    let fingerprint = credentials.device.as_ref().map(Fingerprint::as_str);
    let right_device = pepper.admits_device(&credentials.verification, &found.device, fingerprint);
    (found.verified && found.purpose == purpose && right_device).then_some((found, pepper))
}

fn new_login(
    state: &LoginState,
    context: &RequestContext,
    purpose: Purpose,
    phone: PhoneNumber,
    credentials: Credentials,
) -> NewLogin {
    let (now, rng) = (context.now(), state.core.rng);
    let session = SessionId::new(now, &rng.bytes());
    let named_device = credentials.device.as_ref().and_then(Fingerprint::as_device_id);
    let previous = credentials.previous_token.as_ref();
    let previous =
        previous.and_then(|token| state.verifier.previous_session(token.expose_secret(), now));
    let fingerprint = credentials.device.map_or_else(
        || uuid::Builder::from_random_bytes(rng.bytes()).into_uuid().to_string(),
        |device| device.as_str().to_owned(),
    );
    let event = match purpose {
        Purpose::Register => SecurityEvent::UserRegistered,
        Purpose::Login => SecurityEvent::UserLoggedIn,
    };
    NewLogin {
        phone,
        verification: credentials.verification,
        user: UserId::new(now, &rng.bytes()),
        device: DeviceId::new(now, &rng.bytes()),
        session,
        history: EntryId::new(now, &rng.bytes()),
        named_device,
        previous_session: previous.map(|principal| principal.session),
        details: DeviceDetails {
            fingerprint,
            name: credentials.device_name,
            kind: credentials.device_type,
            derived: from_user_agent(context.user_agent()),
            model: credentials.model,
            os_version: credentials.os_version,
            app_version: credentials.app_version,
            fcm_token: credentials.fcm_token,
            apns_token: credentials.apns_token,
        },
        keys: credentials.keys.map(|keys| NewKeys {
            keys,
            rng,
            audit: entry(state, context, SecurityEvent::IdentityKeyChanged, session),
        }),
        address: context.address(),
        now,
        audit: entry(state, context, event, session),
    }
}

fn tokens(
    state: &LoginState,
    login: &NewLogin,
    completed: LoginCompleted,
) -> Result<Tokens, Problem> {
    let principal =
        Principal { user: completed.user, session: login.session, device: completed.device };
    let rotation = Rotation::first(login.now);
    Ok(Tokens {
        access_token: state.issuer.access(principal, login.now, state.core.rng)?,
        refresh_token: state.issuer.refresh(principal, &rotation, login.now)?,
        expires_in: state.issuer.access_ttl().as_secs(),
        refresh_expires_in: refresh_expires_in(rotation.issued_at, login.now, login.now),
        user_id: *completed.user.as_uuid(),
        device_id: *completed.device.as_uuid(),
        installation_id: completed.installation,
        signal_device_id: completed.signal_device_id.map(SignalDeviceId::get),
    })
}

fn entry(
    state: &LoginState,
    context: &RequestContext,
    event: SecurityEvent,
    session: SessionId,
) -> AuditEntry {
    AuditEntry::new(event, Some(session), &context.address(), context.now(), state.core.rng)
}

/// Overwrites the cache entries of ended sessions, so that the very next request is refused.
/// If Redis does not answer, the entries expire within a minute.
async fn write_tombstones(state: &LoginState, user: UserId, ended: &[SessionId]) {
    if let Err(error) = state.core.cache.write_tombstones(user, ended).await {
        tracing::error!(error = %ErrorChain(&error), "failed to write tombstones");
    }
}

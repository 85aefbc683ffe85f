//! The use cases of logging in and out: load, decide, store.

use crate::state::LoginState;
use domain::access::Choice;
use domain::device::{Fingerprint, from_user_agent};
use domain::ids::{CallId, DeviceId, EntryId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::prekey::ProofPurpose;
use domain::principal::Principal;
use domain::recovery_code::RecoveryCode;
use domain::second_factor::SecondFactorToken;
use domain::verification::Purpose;
use secrecy::ExposeSecret as _;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::cache::verification::Verification;
use shared::crypto::{PepperKeys, PepperSet};
use shared::http::context::RequestContext;
use shared::http::extract::{Binding, ChangeCaller};
use shared::http::login_tokens::{LoginTimes, Tokens};
use shared::http::problem::{Code, Problem};
use shared::http::signal_keys::{claim_again, last_resort_clash, verify_bundle};
use shared::second_factor::{Right, RightCode};
use shared::store::access::AccessDenied;
use shared::store::keys::NewKeys;
use shared::store::login::{DeviceDetails, LoginOutcome, NewLogin, ProvenNumber, StartOver};
use shared::telemetry::ErrorChain;

use crate::wire::Credentials;

/// What a log-in is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A new account.
    Register,
    /// An existing one.
    LogIn,
}

impl Entry {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Register => Purpose::Register,
            Self::LogIn => Purpose::Login,
        }
    }
}

/// Creates a session from a confirmed verification: the account's first, or one more.
pub async fn complete_login(
    state: &LoginState,
    context: &RequestContext,
    entry: Entry,
    binding: Binding,
    credentials: Credentials,
) -> Result<Tokens, Problem> {
    let found =
        state.core.cache.find_verification(&credentials.verification, context.now()).await?;
    let peppers = state.pepper.load();
    let (verification, pepper) = usable(&peppers, found, entry.purpose(), &credentials)
        .ok_or_else(|| Problem::new(Code::VerificationInvalid))?;
    if let Some(keys) = &credentials.keys {
        let purpose = ProofPurpose::Verification(&credentials.verification);
        verify_bundle(&state.core, state.issuer.issuer(), purpose, keys)?;
    }
    let phone = pepper.cipher.decrypt(&verification.sealed_phone, &credentials.verification)?;
    let phone =
        PhoneNumber::from_stored(phone).map_err(|_| Problem::new(Code::VerificationInvalid))?;

    let shown = (credentials.second_factor.clone(), credentials.recovery_code.clone());
    let agrees_to_start_over = credentials.start_over;
    let mut login = new_login(state, &binding, context, entry, credentials);
    let recovery = shown.1.as_ref();
    let number = proven_number(state, &login, phone, recovery, agrees_to_start_over);
    let codes = match entry {
        Entry::Register => Codes::default(),
        Entry::LogIn => check_codes(state, (&login, &number), shown).await?,
    };
    login.second_factor = codes.second_factor.as_ref().map(|code| code.code.clone());
    let outcome = store_with_claims(state, entry, &login, &number).await;
    codes.conclude(state, &login, &outcome).await;
    let completed = match outcome? {
        LoginOutcome::Completed(completed) => completed,
        LoginOutcome::VerificationUsed => {
            return Err(Problem::new(Code::VerificationInvalid));
        }
        LoginOutcome::AccountExists => {
            return Err(Problem::new(Code::AccountExists));
        }
        LoginOutcome::AccountNotFound => {
            return Err(Problem::new(Code::AccountNotFound));
        }
        LoginOutcome::SecondFactorRequired => {
            return Err(Problem::new(Code::TwoFactorRequired));
        }
        LoginOutcome::SecondFactorSpent => {
            return Err(Problem::new(Code::TwoFactorInvalid));
        }
        LoginOutcome::AccountIdle => return Err(Problem::new(Code::AccountIdle)),
        LoginOutcome::RegistrationLocked { lapses_in } => {
            return Err(Problem::registration_locked(lapses_in));
        }
        LoginOutcome::DeviceLimit(devices) => return Err(Problem::device_limit(devices)),
        LoginOutcome::IdentityKeyInUse => {
            return Err(Problem::new(Code::IdentityKeyInUse));
        }
        LoginOutcome::LastResortClash => {
            return Err(last_resort_clash("signalKeyBundle.kyberLastResortPreKey"));
        }
        LoginOutcome::DeviceIdsExhausted => {
            return Err(Problem::new(Code::DeviceIdsExhausted));
        }
    };
    // The session exists in Postgres: without its cache entry, its row is read.
    let cached = state
        .core
        .cache
        .cache_login(completed.user, login.session, &completed.ended, Some(&login.verification))
        .await;
    if let Err(error) = cached {
        tracing::warn!(error = %ErrorChain(&error), "failed to cache login session");
    }
    if let Some((old, ended)) = &completed.released {
        state.core.write_tombstones(*old, ended).await;
        state.core.metrics.count("auth_numbers_released_total");
    }
    let is_new = entry == Entry::Register || completed.released.is_some();
    let counter = if is_new { "auth_registrations_total" } else { "auth_logins_total" };
    state.core.metrics.count(counter);
    let principal =
        Principal { user: completed.user, session: login.session, device: completed.device };
    let of_device = (completed.installation, completed.signal_device_id);
    let times = LoginTimes { issued_at: login.now, auth_time: login.now, now: login.now };
    Ok(Tokens::issue(&state.issuer, state.core.rng, principal, &binding, of_device, times)?)
}

/// The right codes of a log-in, if any.
#[derive(Default)]
struct Codes {
    second_factor: Option<RightCode>,
    recovery: Option<Right<()>>,
}

/// Checks what a log-in shows of second factor and registration lock, if the account has them. A wrong
/// code is 401, and the verification can still be used. It stops the log-in as none would.
async fn check_codes(
    state: &LoginState,
    (login, number): (&NewLogin, &ProvenNumber),
    (token, recovery): (Option<SecondFactorToken>, Option<RecoveryCode>),
) -> Result<Codes, Problem> {
    if token.is_none() && recovery.is_none() {
        return Ok(Codes::default());
    }
    let LoginState { core, second_factor, .. } = state;
    let found = core.store.find_second_factor_by_phone(&number.phone).await?;
    let Some(found) = found else { return Ok(Codes::default()) };
    let mut codes = Codes::default();
    if let Some(token) = token.filter(|_| found.enabled) {
        codes.second_factor = second_factor.check(core, &found, None, &token, login.now).await?;
        if codes.second_factor.is_none() {
            core.store.record_stopped_log_in(login, number).await?;
            return Err(Problem::new(Code::TwoFactorInvalid));
        }
    }
    if let (Some(recovery), Some(hash)) = (&recovery, &found.recovery_code_hash) {
        let shown = (hash.as_slice(), recovery);
        codes.recovery =
            second_factor.check_recovery_code(core, found.user, shown, login.now).await?;
        if codes.recovery.is_none() {
            core.store.record_stopped_log_in(login, number).await?;
            return Err(Problem::new(Code::RecoveryCodeInvalid));
        }
    }
    Ok(codes)
}

impl Codes {
    /// Tells what became of the codes.
    async fn conclude(
        &self,
        state: &LoginState,
        login: &NewLogin,
        outcome: &Result<LoginOutcome, Problem>,
    ) {
        if let Some(code) = &self.second_factor {
            let result = match outcome {
                Ok(LoginOutcome::SecondFactorSpent) => Ok(Err(AccessDenied::SecondFactorSpent)),
                Ok(_) => Ok(Ok(())),
                Err(_) => Err(()),
            };
            code.conclude(&state.core, &result, login.now).await;
        }
        if let Some(recovery) = &self.recovery {
            recovery.uncount(&state.core, login.now).await;
        }
    }
}

/// Stores a log-in, and makes way for it where another user holds its identity key in vain.
async fn store_with_claims(
    state: &LoginState,
    entry: Entry,
    login: &NewLogin,
    number: &ProvenNumber,
) -> Result<LoginOutcome, Problem> {
    let store = &state.core.store;
    let mut tries = 0;
    loop {
        let outcome = match entry {
            Entry::Register => store.register(login, &number.phone).await?,
            Entry::LogIn => store.log_in(login, number).await?,
        };
        let is_in_use = matches!(outcome, LoginOutcome::IdentityKeyInUse);
        if !is_in_use || !claim_again(&state.core, login, &mut tries).await? {
            return Ok(outcome);
        }
    }
}

/// Ends the session of this device, or of another device of the same user.
pub async fn logout(
    state: &LoginState,
    context: &RequestContext,
    caller: ChangeCaller,
    device: Option<DeviceId>,
) -> Result<(), Problem> {
    let (principal, store) = (caller.principal(), &state.core.store);
    let now = context.now();
    let other = device.filter(|device| *device != principal.device);
    let audit = AuditEntry::about(
        SecurityEvent::SessionEnded,
        Some(principal.session),
        other,
        &context.address(),
        now,
        state.core.rng,
    );
    let ended = match other {
        None => {
            let call = CallId::new(state.core.rng.bytes());
            store.end_session(principal, call, now, &audit).await?;
            vec![principal.session]
        }
        Some(device) => {
            let proof = caller.without_proof(&state.core);
            let ended = store.end_device_sessions(&proof, device, now, &audit).await?;
            ended.map_err(|denied| match denied {
                AccessDenied::DeviceNotFound => Problem::new(Code::DeviceForeign),
                denied => denied.into(),
            })?
        }
    };
    state.core.write_tombstones(principal.user, &ended).await;
    Ok(())
}

/// Ends every session of the user; those of older devices stay if the caller is a newcomer.
pub async fn logout_all(
    state: &LoginState,
    context: &RequestContext,
    caller: ChangeCaller,
) -> Result<(), Problem> {
    let principal = caller.principal();
    let audit = context.audit_entry(
        SecurityEvent::AllSessionsEnded,
        Some(principal.session),
        state.core.rng,
    );
    let proof = caller.without_proof(&state.core);
    let ended = state.core.store.end_all_sessions(&proof, context.now(), &audit).await?;
    state.core.write_tombstones(principal.user, &ended?).await;
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
    binding: &Binding,
    context: &RequestContext,
    entry: Entry,
    credentials: Credentials,
) -> NewLogin {
    let (now, rng) = (context.now(), state.core.rng);
    let session = SessionId::new(now, &rng.bytes());
    let named_device = credentials.device.as_ref().and_then(Fingerprint::as_device_id);
    let previous = credentials.previous_token.as_ref();
    let previous = previous.and_then(|token| {
        state.verifier.previous_session(token.expose_secret(), binding.0.as_ref(), now)
    });
    let fingerprint = credentials.device.unwrap_or_else(|| Fingerprint::of_random(rng.bytes()));
    let event = match entry {
        Entry::Register => SecurityEvent::UserRegistered,
        Entry::LogIn => SecurityEvent::UserLoggedIn,
    };
    NewLogin {
        verification: credentials.verification,
        user: UserId::new(now, &rng.bytes()),
        device: DeviceId::new(now, &rng.bytes()),
        session,
        history: EntryId::new(now, &rng.bytes()),
        named_device,
        previous_session: previous.map(|principal| principal.session),
        second_factor: None,
        details: DeviceDetails {
            fingerprint: fingerprint.into_text(),
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
            digest: state.identities.digest(keys.identity.public().as_bytes()),
            keys,
            rng,
            audit: context.audit_entry(
                SecurityEvent::IdentityKeyChanged,
                Some(session),
                state.core.rng,
            ),
        }),
        makes_room: Choice::new(credentials.replace_device, state.core.config.http.legacy_clients),
        address: context.address(),
        now,
        audit: context.audit_entry(event, Some(session), state.core.rng),
        rng,
    }
}

fn proven_number(
    state: &LoginState,
    login: &NewLogin,
    phone: PhoneNumber,
    recovery_code: Option<&RecoveryCode>,
    agrees_to_start_over: bool,
) -> ProvenNumber {
    let entry = |event, session, address| {
        AuditEntry::new(event, session, address, login.now, state.core.rng)
    };
    ProvenNumber {
        phone,
        recovery_code: recovery_code.map(RecoveryCode::hash),
        // The old account is not told who has its number now.
        start_over: agrees_to_start_over.then(|| StartOver {
            registered: entry(SecurityEvent::UserRegistered, Some(login.session), &login.address),
            released: entry(SecurityEvent::NumberReleased, None, ""),
            keys_deleted: entry(SecurityEvent::KeysDeleted, None, ""),
        }),
        stopped: entry(SecurityEvent::LogInStopped, None, &login.address),
        policy: state.policy,
        identities: state.identities.clone(),
    }
}

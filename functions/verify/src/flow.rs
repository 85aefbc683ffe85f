//! The use cases of verification: load, decide, store, send.

use crate::state::VerifyState;
use domain::device::Fingerprint;
use domain::ids::{CallId, UserId, VerificationId};
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use domain::verification::{Code, Purpose};
use secrecy::{ExposeSecret as _, SecretString};
use shared::audit::{AuditEntry, SecurityEvent};
use shared::cache::verification::{
    CodeAttempt, CodeResend, ConfirmOutcome, NewVerification, Progress, RateLimitTier,
    ResendOutcome, SmsTarget,
};
use shared::http::context::RequestContext;
use shared::http::problem::{self, Problem};
use shared::sender::{Delivery, Message, text};
use shared::store::accounts::Account;
use shared::telemetry::ErrorChain;

use crate::wire::{Confirmation, Resend, Start, Started, VerificationState, WirePurpose};

/// Starts a verification and sends its code. Whether the number has an account changes
/// neither the answer nor the work: one captcha, one look-up, one script, one message.
pub async fn start(
    state: &VerifyState,
    context: &RequestContext,
    purpose: Purpose,
    start: Start,
) -> Result<Started, Problem> {
    // The address was counted before. A captcha that is not solved costs no look-up.
    state.sms.captcha.approve(start.challenge.as_ref(), &context.address()).await?;
    let account = state.core.store.find_account(&start.phone).await?;
    if let Some(problem) = legacy_answer(state, purpose, account.as_ref()) {
        return Err(problem);
    }
    let owner = start
        .previous_token
        .and_then(|token| state.verifier.previous_account(token.expose_secret(), context.now()));
    let test_code = state.sms.test_numbers.get(&start.phone);
    let tier =
        if test_code.is_some() { RateLimitTier::Test } else { tier(account.as_ref(), owner) };

    let pepper = state.pepper.current();
    let slot = pepper.digests.phone_slot(&start.phone);
    let id = VerificationId::new(slot, state.core.rng.bytes());
    let code = test_code.cloned().unwrap_or_else(|| Code::draw(|| state.core.rng.next_u32()));
    let new = NewVerification {
        purpose,
        slot,
        phone_key: pepper.digests.phone(&start.phone),
        target: SmsTarget {
            tier,
            country: start.phone.budget_country().to_owned(),
            block: pepper.digests.block(&start.phone),
        },
        sealed_phone: pepper.cipher.encrypt(start.phone.as_e164(), &id, state.core.rng)?,
        device: pepper.digests.device(&id, start.device.as_ref().map(Fingerprint::as_str)),
        code_mac: pepper.digests.code(&id, purpose, &code),
        known: account.is_some(),
        requires_second_factor: account.is_some_and(|account| account.two_factor_enabled),
    };
    let limits = &state.core.config.limits;
    let progress = state.core.cache.start_verification(&id, &new, context.now(), limits).await?;

    if tier != RateLimitTier::Test {
        let outgoing = Outgoing { to: start.phone, purpose, known: new.known, target: &new.target };
        send(state, context, &id, outgoing, &code).await?;
    }
    Ok(started(state, context.now(), &id, progress, &code))
}

/// Sends another code for a running verification.
pub async fn resend(
    state: &VerifyState,
    context: &RequestContext,
    id: VerificationId,
    resend: Resend,
) -> Result<Started, Problem> {
    let code = Code::draw(|| state.core.rng.next_u32());
    let pepper = state.pepper.current();
    let mac = |purpose| pepper.digests.code(&id, purpose, &code);
    let device = pepper.digests.device(&id, resend.device.as_ref().map(Fingerprint::as_str));
    let resend = CodeResend {
        call: CallId::new(state.core.rng.bytes()),
        device: &device,
        code_macs: [mac(Purpose::Register), mac(Purpose::Login)],
    };
    let limits = &state.core.config.limits;
    let outcome = state.core.cache.resend_verification(&id, &resend, context.now(), limits).await?;
    let resent = match outcome {
        ResendOutcome::Resent(resent) => resent,
        ResendOutcome::Invalid => return Err(Problem::new(problem::Code::VerificationInvalid)),
        ResendOutcome::TooManyAttempts { wait } => {
            return Err(Problem::retry(problem::Code::TooManyAttempts, wait));
        }
        ResendOutcome::TooEarly { wait } => {
            return Err(Problem::retry(problem::Code::ResendTooEarly, wait));
        }
    };
    let phone = PhoneNumber::from_stored(pepper.cipher.decrypt(&resent.sealed_phone, &id)?)
        .map_err(|_| Problem::new(problem::Code::VerificationInvalid))?;
    if resent.target.tier == RateLimitTier::Test {
        let code = state.sms.test_numbers.get(&phone).cloned().unwrap_or(code);
        return Ok(started(state, context.now(), &id, resent.progress, &code));
    }
    let (purpose, known) = (resent.purpose, resent.known);
    let outgoing = Outgoing { to: phone, purpose, known, target: &resent.target };
    send(state, context, &id, outgoing, &code).await?;
    Ok(started(state, context.now(), &id, resent.progress, &code))
}

/// Tells where a verification stands.
pub async fn fetch(
    state: &VerifyState,
    context: &RequestContext,
    id: VerificationId,
) -> Result<VerificationState, Problem> {
    let now = context.now();
    let found = state.core.cache.find_verification(&id, now).await?;
    let found = found.ok_or_else(|| Problem::new(problem::Code::VerificationNotFound))?;
    let expires_at = if found.verified { found.expires_at } else { found.progress.code_expires_at };
    Ok(VerificationState {
        purpose: match found.purpose {
            Purpose::Register => WirePurpose::Register,
            Purpose::Login => WirePurpose::Login,
        },
        verified: found.verified,
        expires_in: expires_at.seconds_left(now),
        resend_in: found.progress.resend_at.seconds_left(now),
        attempts_left: found.progress.attempts_left,
    })
}

/// Proves a number. Tells whether the account asks for a second factor.
pub async fn confirm(
    state: &VerifyState,
    context: &RequestContext,
    purpose: Purpose,
    confirmation: Confirmation,
) -> Result<bool, Problem> {
    let Confirmation { id, code, device } = confirmation;
    let pepper = state.pepper.current();
    let device = pepper.digests.device(&id, device.as_ref().map(Fingerprint::as_str));
    let code_mac = pepper.digests.code(&id, purpose, &code);
    let call = CallId::new(state.core.rng.bytes());
    let attempt = CodeAttempt { call, purpose, device: &device, code_mac: &code_mac };
    match state.core.cache.confirm_verification(&id, &attempt, context.now()).await? {
        ConfirmOutcome::Confirmed { requires_2fa } => Ok(requires_2fa),
        ConfirmOutcome::Incorrect { attempts_left, locked, phone } => {
            if locked {
                record_lock(state, context, &id, &phone).await;
            }
            Err(Problem::incorrect(attempts_left))
        }
        ConfirmOutcome::PhoneLocked { wait } => {
            Err(Problem::retry(problem::Code::PhoneLocked, wait))
        }
        ConfirmOutcome::Expired => Err(Problem::new(problem::Code::CodeExpired)),
        ConfirmOutcome::Invalid => Err(Problem::new(problem::Code::VerificationInvalid)),
        ConfirmOutcome::TooManyAttempts { wait } => {
            Err(Problem::retry(problem::Code::TooManyAttempts, wait))
        }
    }
}

/// The number takes no more codes for now: its owner will want to know.
async fn record_lock(
    state: &VerifyState,
    context: &RequestContext,
    id: &VerificationId,
    sealed_phone: &str,
) {
    state.core.metrics.count("auth_phone_locks_total");
    let pepper = state.pepper.current();
    let phone = pepper.cipher.decrypt(sealed_phone, id).ok();
    let Some(phone) = phone.and_then(|phone| PhoneNumber::from_stored(phone).ok()) else { return };
    let (event, address) = (SecurityEvent::PhoneLocked, context.address());
    let audit = AuditEntry::new(event, None, &address, context.now(), state.core.rng);
    if let Err(error) = state.core.store.record_event(&phone, context.now(), &audit).await {
        tracing::error!(error = %ErrorChain(&error), "failed to record a locked number");
    }
}

/// The refusals that already shipped clients expect at once.
fn legacy_answer(
    state: &VerifyState,
    purpose: Purpose,
    account: Option<&Account>,
) -> Option<Problem> {
    match (state.core.config.http.legacy_clients, purpose, account) {
        (true, Purpose::Register, Some(_)) => Some(Problem::new(problem::Code::AccountExists)),
        (true, Purpose::Login, None) => Some(Problem::new(problem::Code::AccountUnknown)),
        _ => None,
    }
}

fn tier(account: Option<&Account>, shown: Option<UserId>) -> RateLimitTier {
    match (account, shown) {
        (Some(account), Some(shown)) if account.id == shown => RateLimitTier::KnownDevice,
        _ => RateLimitTier::Default,
    }
}

/// A code on its way.
struct Outgoing<'a> {
    to: PhoneNumber,
    purpose: Purpose,
    known: bool,
    target: &'a SmsTarget,
}

/// Sends the code. If it cannot be sent, it is withdrawn.
async fn send(
    state: &VerifyState,
    context: &RequestContext,
    id: &VerificationId,
    outgoing: Outgoing<'_>,
    code: &Code,
) -> Result<(), Problem> {
    let Outgoing { to, purpose, known, target } = outgoing;
    let body = text::body(&state.sms.message, context.language(), code, purpose, known);
    let message = Message {
        id: uuid::Builder::from_random_bytes(state.core.rng.bytes()).into_uuid(),
        to,
        body: SecretString::from(body),
        code: SecretString::from(code.digits().to_owned()),
        language: context.language(),
        at: context.now(),
    };
    let sent = state.sms.senders.send(&message, context.time_left()).await;
    let counter = match sent.result {
        Ok(Delivery::Accepted) => "auth_codes_sent_total",
        Ok(Delivery::Unknown) => "auth_codes_unconfirmed_total",
        Err(_) => "auth_codes_failed_total",
    };
    let (route, sender) = (sent.route, sent.sender);
    state.core.metrics.count(&format!(r#"{counter}{{route="{route}",sender="{sender}"}}"#));
    let Err(error) = sent.result else { return Ok(()) };
    let pepper = state.pepper.current();
    let code_mac = pepper.digests.code(id, purpose, code);
    let withdrawn = state
        .core
        .cache
        .withdraw_code(id, &code_mac, target, context.now(), &state.core.config.limits)
        .await;
    if let Err(error) = withdrawn {
        // It was not received, and expires by itself.
        tracing::warn!(error = %ErrorChain(&error), "failed to withdraw a code that was not sent");
    }
    Err(error.into())
}

fn started(
    state: &VerifyState,
    now: Timestamp,
    id: &VerificationId,
    progress: Progress,
    code: &Code,
) -> Started {
    Started {
        verification_id: *id.as_uuid(),
        expires_in: progress.code_expires_at.seconds_left(now),
        resend_in: progress.resend_at.seconds_left(now),
        attempts_left: progress.attempts_left,
        code: state.sms.demo_mode.then(|| code.digits().to_owned()),
    }
}

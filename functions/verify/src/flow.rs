//! The use cases of verification: load, decide, store, send.

use domain::device::Fingerprint;
use domain::ids::{UserId, VerificationId};
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use domain::verification::{Code, Purpose};
use secrecy::{ExposeSecret as _, SecretString};
use shared::app::App;
use shared::audit::{AuditEntry, SecurityEvent};
use shared::cache::verifications::{
    ConfirmOutcome, NewVerification, Progress, RateLimitTier, ResendOutcome,
};
use shared::http::context::RequestContext;
use shared::http::problem::{self, Problem};
use shared::limits::Limit;
use shared::sender::{Message, text};
use shared::store::accounts::Account;
use std::time::Duration;

use crate::wire::{Confirmation, Resend, Start, Started, VerificationState, WirePurpose};

/// Starts a verification and sends its code. Whether the number has an account changes
/// neither the answer nor the work: one look-up, one script, one message.
pub async fn start(
    app: &App,
    context: &RequestContext,
    purpose: Purpose,
    start: Start,
) -> Result<Started, Problem> {
    let account = app.store.find_account(&start.phone).await?;
    if let Some(problem) = legacy_answer(app, purpose, account.as_ref()) {
        return Err(context.refuse_counted(app, Limit::SendPerAddress, problem).await);
    }
    let owner = start.previous_token.and_then(|t| app.signing.previous_account(t.expose_secret()));
    let test_code = app.config.test_numbers.get(&start.phone);
    let tier =
        if test_code.is_some() { RateLimitTier::Test } else { tier(account.as_ref(), owner) };
    let approved = app.captcha.approve(start.challenge.as_ref(), &context.address()).await;
    if let Err(error) = approved {
        return Err(context.refuse_counted(app, Limit::SendPerAddress, error.into()).await);
    }

    let id = VerificationId::new(app.rng.bytes());
    let code = test_code.cloned().unwrap_or_else(|| Code::draw(|| app.rng.next_u32()));
    let new = NewVerification {
        purpose,
        tier,
        phone_key: app.sealing.phone(&start.phone),
        country: start.phone.country().to_owned(),
        block: app.sealing.block(&start.phone),
        sealed_phone: app.sealing.seal(start.phone.as_e164(), &id, app.rng),
        device: app.sealing.device(&id, start.device.as_ref().map(Fingerprint::as_str)),
        code_mac: app.sealing.code(&id, purpose, &code),
        known: account.is_some(),
        requires_second_factor: account.is_some_and(|account| account.two_factor_enabled),
    };
    let network = context.network();
    let rate_limit_check = context.rate_limit_check(app, &[(Limit::SendPerAddress, &network)]);
    let progress = app.cache.start_verification(&id, &new, &rate_limit_check, &app.config).await?;

    if tier != RateLimitTier::Test {
        send(app, context, &id, (start.phone, purpose, new.known), &code).await?;
    }
    Ok(started(app, context.now(), &id, progress, &code))
}

/// Sends another code for a running verification.
pub async fn resend(
    app: &App,
    context: &RequestContext,
    id: VerificationId,
    resend: Resend,
) -> Result<Started, Problem> {
    let code = Code::draw(|| app.rng.next_u32());
    let macs = Purpose::ALL.map(|purpose| (purpose, app.sealing.code(&id, purpose, &code)));
    let device = app.sealing.device(&id, resend.device.as_ref().map(Fingerprint::as_str));
    let network = context.network();
    let rate_limit_check = context.rate_limit_check(app, &[(Limit::SendPerAddress, &network)]);
    let outcome =
        app.cache.resend_verification(&id, &device, macs, &rate_limit_check, &app.config).await?;
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
    let phone = PhoneNumber::from_stored(app.sealing.open(&resent.sealed_phone, &id)?)
        .map_err(|_| Problem::new(problem::Code::VerificationInvalid))?;
    if resent.tier == RateLimitTier::Test {
        let code = app.config.test_numbers.get(&phone).cloned().unwrap_or(code);
        return Ok(started(app, context.now(), &id, resent.progress, &code));
    }
    send(app, context, &id, (phone, resent.purpose, resent.known), &code).await?;
    Ok(started(app, context.now(), &id, resent.progress, &code))
}

/// Tells where a verification stands.
pub async fn fetch(
    app: &App,
    context: &RequestContext,
    id: VerificationId,
) -> Result<VerificationState, Problem> {
    let network = context.network();
    let rate_limit_check = context.rate_limit_check(app, &[(Limit::PublicPerAddress, &network)]);
    let found = app.cache.find_verification(&id, &rate_limit_check).await?;
    let found = found.ok_or_else(|| Problem::new(problem::Code::VerificationNotFound))?;
    let now = context.now();
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
    app: &App,
    context: &RequestContext,
    purpose: Purpose,
    confirmation: Confirmation,
) -> Result<bool, Problem> {
    let Confirmation { id, code, device } = confirmation;
    let device = app.sealing.device(&id, device.as_ref().map(Fingerprint::as_str));
    let code_mac = app.sealing.code(&id, purpose, &code);
    let network = context.network();
    let rate_limit_check = context.rate_limit_check(app, &[(Limit::PublicPerAddress, &network)]);
    match app
        .cache
        .confirm_verification(&id, purpose, &device, &code_mac, &rate_limit_check)
        .await?
    {
        ConfirmOutcome::Confirmed { requires_2fa } => Ok(requires_2fa),
        ConfirmOutcome::Incorrect { attempts_left, locked, phone } => {
            if locked {
                record_lock(app, context, &id, &phone).await;
            }
            Err(Problem::incorrect(attempts_left))
        }
        ConfirmOutcome::PhoneLocked { wait } => {
            Err(Problem::retry(problem::Code::PhoneLocked, Duration::from_millis(wait)))
        }
        ConfirmOutcome::Expired => Err(Problem::new(problem::Code::CodeExpired)),
        ConfirmOutcome::Invalid => Err(Problem::new(problem::Code::VerificationInvalid)),
        ConfirmOutcome::TooManyAttempts { wait } => {
            let wait = Duration::from_millis(wait);
            Err(Problem::retry(problem::Code::TooManyAttempts, wait))
        }
    }
}

/// The number takes no more codes for now: its owner will want to know.
async fn record_lock(app: &App, context: &RequestContext, id: &VerificationId, sealed_phone: &str) {
    app.metrics.count("auth_phone_locks_total");
    let phone = app.sealing.open(sealed_phone, id).ok();
    let Some(phone) = phone.and_then(|phone| PhoneNumber::from_stored(phone).ok()) else { return };
    let (event, address) = (SecurityEvent::PhoneLocked, context.address());
    let audit = AuditEntry::new(event, None, &address, context.now(), app.rng);
    if let Err(error) = app.store.record_event(&phone, context.now(), &audit).await {
        tracing::error!(error = %error, "a locked number is not recorded");
    }
}

/// What already shipped clients expect to be told at once.
fn legacy_answer(app: &App, purpose: Purpose, account: Option<&Account>) -> Option<Problem> {
    match (app.config.legacy_clients, purpose, account) {
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

/// Sends the code; one that could not be sent is taken back.
async fn send(
    app: &App,
    context: &RequestContext,
    id: &VerificationId,
    (to, purpose, known): (PhoneNumber, Purpose, bool),
    code: &Code,
) -> Result<(), Problem> {
    let body = text::body(&app.config, context.language(), code, purpose, known);
    let message = Message {
        to,
        body: SecretString::from(body),
        code: SecretString::from(code.digits().to_owned()),
        at: context.now(),
    };
    let Err(error) = app.senders.send(&message).await else {
        app.metrics.count("auth_codes_sent_total");
        return Ok(());
    };
    app.metrics.count("auth_codes_failed_total");
    let code_mac = app.sealing.code(id, purpose, code);
    let withdrawn = app.cache.withdraw_code(id, &code_mac, context.now(), &app.config).await;
    if let Err(error) = withdrawn {
        // It expires by itself; nobody has received it.
        tracing::warn!(error = %error, "an unsent code stays");
    }
    Err(error.into())
}

fn started(
    app: &App,
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
        code: app.config.demo_mode.then(|| code.digits().to_owned()),
    }
}

//! The use cases of verification: load, decide, store, send.

use crate::state::VerifyState;
use domain::device::Fingerprint;
use domain::ids::{CallId, DeviceId, VerificationId};
use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use domain::verification::{Code, CodeInput, CodeLength, Purpose};
use secrecy::{ExposeSecret as _, SecretString};
use shared::audit::SecurityEvent;
use shared::cache::CacheError;
use shared::cache::verification::{
    CodeAttempt, CodeResend, ConfirmOutcome, NewVerification, Progress, RateLimitTier,
    ResendOutcome, ShownDigests, SmsSource, SmsTarget, StartOutcome,
};
use shared::clock::Rng;
use shared::crypto::{PepperKeys, PepperSet};
use shared::http::context::RequestContext;
use shared::http::extract::Binding;
use shared::http::problem::{self, Problem};
use shared::sender::{Delivery, Message, Receipt, text};
use shared::store::accounts::Account;
use shared::telemetry::ErrorChain;
use std::time::Duration;

use crate::feedback;
use crate::wire::{Confirmation, Resend, Start, Started, VerificationState, WirePurpose};

/// Starts a verification and sends its code. Whether the number has an account changes
/// neither the answer nor the work: one captcha, one look-up, one script, one message.
pub async fn start(
    state: &VerifyState,
    context: &RequestContext,
    purpose: Purpose,
    binding: Binding,
    start: Start,
) -> Result<Started, Problem> {
    // The address was counted before. A captcha that is not solved costs no look-up.
    let has_solved_captcha =
        state.sms.captcha.approve(start.challenge.as_ref(), &context.address()).await?;
    let shown = start.previous_token.as_ref().and_then(|token| {
        let token = token.expose_secret();
        state.verifier.previous_session(token, binding.0.as_ref(), context.now())
    });
    let account = {
        let session = shown.map(|shown| shown.session);
        state.core.store.find_account(&start.phone, session, context.now()).await?
    };
    if let Some(problem) = legacy_answer(state, purpose, account.as_ref()) {
        return Err(problem);
    }
    let test_code = state.sms.test_code(&start.phone);
    let known_device = account.as_ref().and_then(|account| account.known_device);
    let tier = match (&test_code, known_device) {
        (Some(_), _) => RateLimitTier::Test,
        (None, Some(_)) => RateLimitTier::KnownDevice,
        (None, None) => RateLimitTier::Default,
    };

    let peppers = state.pepper.load();
    let pepper = peppers.current();
    let slot = state.phone_index.slot(&start.phone);
    let id = VerificationId::new(slot, state.core.rng.bytes());
    let codes = match &test_code {
        Some(code) => Codes([code.clone(), code.clone()]),
        None => Codes::draw(state.core.rng),
    };
    let new = NewVerification {
        purpose,
        slot,
        phone_key: phone_key(&state.phone_index.phone(&start.phone), tier, known_device),
        target: SmsTarget {
            tier,
            country: start.phone.region(),
            block: state.phone_index.block(&start.phone),
        },
        source: source(state, context, has_solved_captcha),
        pepper: pepper.id().to_owned(),
        sealed_phone: pepper.cipher.encrypt(start.phone.as_e164(), &id, state.core.rng)?,
        device: pepper.device(&id, start.device.as_ref().map(Fingerprint::as_str)),
        code_macs: codes.0.each_ref().map(|code| pepper.code(&id, purpose, code)),
        code_input: code_input(state, start.max_code_length),
        known: account.is_some(),
        requires_second_factor: account.is_some_and(|account| account.two_factor_enabled),
    };
    let limits = &state.core.config.limits;
    let StartOutcome { progress, passes_marks } =
        state.core.cache.start_verification(&id, &new, context.now(), limits).await?;
    if passes_marks {
        record_marks(state, context, &start.phone, progress.is_err()).await;
    }
    let progress = progress.map_err(|wait| Problem::retry(problem::Code::PhoneLocked, wait))?;
    let code = codes.of(progress.code_length);
    let client = state.core.config.http.legacy_clients.then(|| {
        let device = start.device.as_ref().map(Fingerprint::as_str);
        state.phone_index.client(&start.phone, purpose, device, &context.address())
    });

    if tier != RateLimitTier::Test {
        let outgoing = Outgoing {
            to: start.phone,
            purpose,
            known: new.known,
            pepper,
            target: &new.target,
            source: &new.source,
        };
        let receipt = send(state, context, &id, outgoing, code).await?;
        if let Some(client) = client {
            let now = context.now();
            let sent = SentCode { id: &id, purpose, pepper, code, receipt: receipt.as_ref() };
            let accepted = accept_in_earlier(state, now, &client, sent);
            if let Err(error) = accepted.await {
                // The id of this request accepts it.
                tracing::warn!(error = %ErrorChain(&error), "failed to accept a code in earlier verifications");
            }
        }
    }
    Ok(started(state, context.now(), &id, progress, code))
}

/// Sends another code for a running verification.
pub async fn resend(
    state: &VerifyState,
    context: &RequestContext,
    id: VerificationId,
    resend: Resend,
) -> Result<Started, Problem> {
    let codes = Codes::draw(state.core.rng);
    let peppers = state.pepper.load();
    let [six, ten] = &codes.0;
    let of_each_kind = [
        (Purpose::Register, six),
        (Purpose::Login, six),
        (Purpose::ChangePhone, six),
        (Purpose::Register, ten),
        (Purpose::Login, ten),
        (Purpose::ChangePhone, ten),
    ];
    let shown = shown(&peppers, &id, resend.device.as_ref(), of_each_kind);
    let call = CallId::new(state.core.rng.bytes());
    let resend = CodeResend { call, shown: &shown, source: source(state, context, false) };
    let limits = &state.core.config.limits;
    let outcome = state.core.cache.resend_verification(&id, &resend, context.now(), limits).await?;
    let resent = match outcome {
        ResendOutcome::Resent(resent) => resent,
        ResendOutcome::Invalid => return Err(Problem::new(problem::Code::VerificationInvalid)),
        ResendOutcome::TooManyAttempts => return Err(too_many_attempts()),
        ResendOutcome::TooEarly { wait } => {
            return Err(Problem::retry(problem::Code::ResendTooEarly, wait));
        }
    };
    let invalid = || Problem::new(problem::Code::VerificationInvalid);
    let pepper = peppers.by_id(&resent.pepper).ok_or_else(invalid)?;
    let phone = PhoneNumber::from_stored(pepper.cipher.decrypt(&resent.sealed_phone, &id)?)
        .map_err(|_| invalid())?;
    let code = codes.of(resent.progress.code_length);
    if resent.target.tier == RateLimitTier::Test {
        let test_code = state.sms.test_code(&phone);
        let code = test_code.as_ref().unwrap_or(code);
        return Ok(started(state, context.now(), &id, resent.progress, code));
    }
    let (purpose, known) = (resent.purpose, resent.known);
    let (target, source) = (&resent.target, &resend.source);
    let outgoing = Outgoing { to: phone, purpose, known, pepper, target, source };
    send(state, context, &id, outgoing, code).await?;
    Ok(started(state, context.now(), &id, resent.progress, code))
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
            Purpose::ChangePhone => WirePurpose::ChangePhone,
        },
        verified: found.verified,
        code_length: found.progress.code_length.digits(),
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
    let shown = shown(&state.pepper.load(), &id, device.as_ref(), [(purpose, &code)]);
    let call = CallId::new(state.core.rng.bytes());
    let attempt = CodeAttempt { call, purpose, shown: &shown, code_length: code.length() };
    match state.core.cache.confirm_verification(&id, &attempt, context.now()).await? {
        ConfirmOutcome::Confirmed { requires_2fa, country, receipt } => {
            if let Some(country) = country {
                // Beside the codes sent by this route: how many arrive.
                let route = state.sms.senders.route_name(&country);
                let series = format!(r#"auth_codes_confirmed_total{{route="{route}"}}"#);
                state.core.metrics.count(&series);
            }
            if let Some(receipt) = receipt {
                feedback::report_received(state, receipt).await;
            }
            Ok(requires_2fa)
        }
        ConfirmOutcome::Incorrect { attempts_left } => Err(Problem::incorrect(attempts_left)),
        ConfirmOutcome::OtherLength => Err(Problem::new(problem::Code::CodeLengthOther)),
        ConfirmOutcome::Expired => Err(Problem::new(problem::Code::CodeExpired)),
        ConfirmOutcome::Invalid => Err(Problem::new(problem::Code::VerificationInvalid)),
        ConfirmOutcome::TooManyAttempts => Err(too_many_attempts()),
    }
}

/// Lets the earlier verifications of this client accept the code that was just sent.
async fn accept_in_earlier(
    state: &VerifyState,
    now: Timestamp,
    client: &str,
    sent: SentCode<'_>,
) -> Result<(), CacheError> {
    let SentCode { id, purpose, pepper, code, receipt } = sent;
    let earlier = state.core.cache.remember_request(client, id, now).await?;
    if earlier.is_empty() {
        return Ok(());
    }
    let digests = |id: VerificationId| {
        let code_mac = pepper.code(&id, purpose, code);
        (id, code_mac)
    };
    let earlier: Vec<_> = earlier.into_iter().map(digests).collect();
    state.core.cache.accept_later_code(id, pepper.id(), receipt, &earlier, now).await
}

/// A code that was sent.
struct SentCode<'a> {
    id: &'a VerificationId,
    purpose: Purpose,
    pepper: &'a PepperKeys,
    code: &'a Code,
    receipt: Option<&'a Receipt>,
}

/// Nothing more is compared; a new verification works at once.
fn too_many_attempts() -> Problem {
    Problem::retry(problem::Code::TooManyAttempts, Duration::ZERO)
}

/// What a client showed, under each pepper.
fn shown<const CODES: usize>(
    peppers: &PepperSet,
    id: &VerificationId,
    device: Option<&Fingerprint>,
    codes: [(Purpose, &Code); CODES],
) -> Vec<ShownDigests<CODES>> {
    let under = |keys: &PepperKeys| ShownDigests {
        pepper: keys.id().to_owned(),
        device: keys.device(id, device.map(Fingerprint::as_str)),
        codes: codes.map(|(purpose, code)| keys.code(id, purpose, code)),
    };
    peppers.iter().map(under).collect()
}

/// A code of each length, in the order of [`CodeLength::ALL`]: only the store knows which one
/// the verification has.
struct Codes([Code; 2]);

impl Codes {
    fn draw(rng: Rng) -> Self {
        Self(CodeLength::ALL.map(|length| Code::draw(length, || rng.next_u64())))
    }

    fn of(&self, length: CodeLength) -> &Code {
        let [six, ten] = &self.0;
        match length {
            CodeLength::Six => six,
            CodeLength::Ten => ten,
        }
    }
}

/// Which codes the client can enter. Shipped clients take six digits and do not say so.
fn code_input(state: &VerifyState, max: Option<CodeLength>) -> CodeInput {
    match max {
        Some(CodeLength::Ten) => CodeInput::Any,
        _ if state.core.config.http.legacy_clients => CodeInput::Legacy,
        Some(CodeLength::Six) => CodeInput::SixDigits,
        None => CodeInput::Any,
    }
}

/// More codes were requested or wrong ones entered than codes of six digits bear. The owner
/// will want to know. The work is the same for a number without an account.
async fn record_marks(
    state: &VerifyState,
    context: &RequestContext,
    phone: &PhoneNumber,
    is_locked: bool,
) {
    let (event, counter) = if is_locked {
        (SecurityEvent::PhoneLocked, "auth_phone_locks_total")
    } else {
        (SecurityEvent::CodesLengthened, "auth_codes_lengthened_total")
    };
    state.core.metrics.count(counter);
    let audit = context.audit_entry(event, None, state.core.rng);
    if let Err(error) = state.core.store.record_event(phone, context.now(), &audit).await {
        tracing::error!(error = %ErrorChain(&error), "failed to record longer codes");
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

/// What limits and history of a number count: for known devices each on its own, so that an
/// earlier device that was lost does not stop the others.
fn phone_key(digest: &str, tier: RateLimitTier, known_device: Option<DeviceId>) -> String {
    match (tier, known_device) {
        (RateLimitTier::KnownDevice, Some(device)) => format!("{digest}.{device}"),
        _ => digest.to_owned(),
    }
}

fn source(state: &VerifyState, context: &RequestContext, has_solved_captcha: bool) -> SmsSource {
    let prefix = context.prefix();
    let lot = state.phone_index.lot(&prefix);
    SmsSource { prefix, lot, draw: state.core.rng.next_u32(), has_solved_captcha }
}

/// A code on its way.
struct Outgoing<'a> {
    to: PhoneNumber,
    purpose: Purpose,
    known: bool,
    /// The pepper of the record.
    pepper: &'a PepperKeys,
    target: &'a SmsTarget,
    source: &'a SmsSource,
}

/// Sends the code, and keeps what the sender gave for it. If it cannot be sent, it is withdrawn.
async fn send(
    state: &VerifyState,
    context: &RequestContext,
    id: &VerificationId,
    outgoing: Outgoing<'_>,
    code: &Code,
) -> Result<Option<Receipt>, Problem> {
    let Outgoing { to, purpose, known, pepper, target, source } = outgoing;
    let body = text::body(&state.sms.message, context.language(), code, purpose, known);
    let message = Message {
        id: uuid::Builder::from_random_bytes(state.core.rng.bytes()).into_uuid(),
        to,
        body: SecretString::from(body),
        code: Some(SecretString::from(code.digits().to_owned())),
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
    let code_mac = pepper.code(id, purpose, code);
    let Err(error) = sent.result else {
        if let Some(receipt) = &sent.receipt
            && let Err(error) =
                state.core.cache.keep_receipt(id, &code_mac, receipt, context.now()).await
        {
            // The provider learns nothing of this code.
            tracing::warn!(error = %ErrorChain(&error), "failed to keep a receipt");
        }
        return Ok(sent.receipt);
    };
    let withdrawn = state
        .core
        .cache
        .withdraw_code(id, &code_mac, (target, source), context.now(), &state.core.config.limits)
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
        code_length: progress.code_length.digits(),
        expires_in: progress.code_expires_at.seconds_left(now),
        resend_in: progress.resend_at.seconds_left(now),
        attempts_left: progress.attempts_left,
        code: state.sms.demo_mode.then(|| code.digits().to_owned()),
    }
}

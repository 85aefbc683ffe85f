//! The state of `verify`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use domain::phone::PhoneNumber;
use domain::verification::{Code, CodeLength};
use secrecy::{ExposeSecret as _, SecretString};
use shared::config::{EnvReader, Stage, TokenConfig};
use shared::core::Core;
use shared::crypto::{Pepper, PhoneIndex};
use shared::secrets::{LiveSecret, SecretName};
use shared::sender::Senders;
use shared::sender::cloud::MakeCloudSender;
use shared::sender::text::MessageConfig;
use shared::tokens::TokenVerifier;
use sms::{CaptchaVerifier, read_senders};
use std::collections::HashMap;
use std::sync::Arc;

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = &[
    SecretName::DatabaseUrl,
    SecretName::DatabasePassword,
    SecretName::RedisUrl,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::OriginVerifySecret,
    SecretName::JwtPublicKeys,
    SecretName::Pepper,
    SecretName::PhoneIndexKey,
    SecretName::TwilioAuthToken,
    SecretName::VonageApiSecret,
    SecretName::CaptchaSecret,
    SecretName::SmsHookSecret,
    SecretName::TestPhoneNumbers,
];

#[derive(Clone, FromRef)]
pub struct VerifyState {
    pub core: Core,
    /// Verifies the `previousToken` of a known device.
    pub verifier: TokenVerifier,
    pub pepper: Pepper,
    pub phone_index: PhoneIndex,
    pub sms: Arc<Sms>,
}

/// How a code is sent.
pub struct Sms {
    pub senders: Senders,
    pub captcha: CaptchaVerifier,
    pub message: MessageConfig,
    /// Numbers that are never sent to, with their fixed codes: for app-store reviewers.
    test_numbers: Option<Arc<LiveSecret<TestNumbers>>>,
    /// Puts the code into the answer.
    pub demo_mode: bool,
}

impl VerifyState {
    /// Without a cloud: it has no senders.
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        Self::read_with(core, env, None)
    }

    /// The same with the senders of this cloud.
    pub fn read_with(
        core: &Core,
        env: &mut EnvReader,
        cloud: Option<MakeCloudSender>,
    ) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let pepper = Pepper::read(env);
        let phone_index = PhoneIndex::read(env);
        let sms = Sms::read(core, env, cloud);
        Some(Self {
            core: core.clone(),
            verifier: verifier?,
            pepper: pepper?,
            phone_index: phone_index?,
            sms: Arc::new(sms?),
        })
    }
}

impl Sms {
    fn read(core: &Core, env: &mut EnvReader, cloud: Option<MakeCloudSender>) -> Option<Self> {
        let senders = read_senders(core, env, cloud);
        let captcha = CaptchaVerifier::read(env, core.config.stage);
        let message = MessageConfig::read(env);
        let name = SecretName::TestPhoneNumbers;
        let test_numbers = env.optional_live_secret(name, test_numbers);
        let demo_mode = demo_mode(env, core.config.stage);
        Some(Self { senders: senders?, captcha, message, test_numbers, demo_mode })
    }

    /// The fixed code of a number that is never sent to.
    #[must_use]
    pub fn test_code(&self, number: &PhoneNumber) -> Option<Code> {
        self.test_numbers.as_ref()?.current().get(number).cloned()
    }
}

fn demo_mode(env: &mut EnvReader, stage: Stage) -> bool {
    let demo_mode = env.flag("DEMO_MODE", false);
    stage.require_in_prod(env, !demo_mode, "DEMO_MODE", "must be off in production");
    demo_mode
}

type TestNumbers = HashMap<PhoneNumber, Code>;

/// `number=code,number=code`
fn test_numbers(list: &SecretString) -> Result<TestNumbers, &'static str> {
    let list = list.expose_secret();
    let pairs = list.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let parsed: Option<TestNumbers> = pairs
        .map(|pair| {
            let (number, code) = pair.split_once('=')?;
            let code = Code::parse(code.trim()).ok()?;
            (code.length() == CodeLength::Six).then_some((PhoneNumber::parse(number).ok()?, code))
        })
        .collect();
    parsed.ok_or("must be number=code pairs, codes of 6 digits")
}

//! The whole configuration: every environment variable, read once. All faults are told
//! together, by variable name and never with the value, which may be a secret.

pub(crate) mod reader;
#[cfg(test)]
mod tests;

use domain::phone::PhoneNumber;
use domain::verification::Code;
use secrecy::{SecretSlice, SecretString};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::policy::LimitsConfig;
use crate::tokens::KeySet;
use reader::EnvReader;

/// Where the service runs; only `local` has defaults that are not safe elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Local,
    Dev,
    Staging,
    Prod,
}

/// The service that carries a code to the phone.
#[derive(Clone, Debug)]
pub enum SenderConfig {
    /// Kept in Redis and shown by the local gateway at `/dev/inbox`.
    Inbox,
    Twilio(TwilioConfig),
    Vonage(VonageConfig),
}

#[derive(Clone, Debug)]
pub struct TwilioConfig {
    pub account_sid: String,
    pub auth_token: SecretString,
    pub from: String,
    /// `https://api.twilio.com` but in tests.
    pub base_url: String,
}

#[derive(Clone, Debug)]
pub struct VonageConfig {
    pub api_key: String,
    pub api_secret: SecretString,
    pub from: String,
    /// `https://rest.nexmo.com` but in tests.
    pub base_url: String,
}

/// The service that tells people from programs before an SMS is paid for.
#[derive(Clone, Debug)]
pub struct CaptchaConfig {
    pub url: String,
    pub secret: Option<SecretString>,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub stage: Stage,
    /// The Lambda function this is, if it is one.
    pub function_name: Option<String>,
    pub database_url: SecretString,
    /// Extra certificate authorities for Postgres, PEM: RDS signs with its own.
    pub database_ca: Option<String>,
    /// Connections kept: one in a Lambda sandbox, which serves one request at a time.
    pub database_pool: usize,
    pub redis_url: SecretString,
    pub jwt_keys: Arc<KeySet>,
    pub jwt_issuer: String,
    pub jwt_audience: String,
    pub access_token_ttl: Duration,
    pub pepper: SecretSlice<u8>,
    pub cors_origins: Vec<String>,
    /// None in a function that never sends: it is not given the sender's secrets.
    pub sender: Option<SenderConfig>,
    pub sender_fallback: Option<SenderConfig>,
    pub sms_brand: String,
    pub sms_app_hash: Option<String>,
    pub sms_domain: Option<String>,
    /// Rate limits, quotas and budgets.
    pub limits: LimitsConfig,
    /// Numbers that are never sent to, with their fixed codes: for reviewers of app stores.
    pub test_numbers: HashMap<PhoneNumber, Code>,
    pub captcha: Option<CaptchaConfig>,
    pub demo_mode: bool,
    pub legacy_clients: bool,
    pub metrics_enabled: bool,
    pub metrics_token: Option<SecretString>,
}

/// One variable and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub variable: &'static str,
    pub fault: &'static str,
}

/// Everything that is wrong, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration: ")?;
        for (n, ConfigError { variable, fault }) in self.0.iter().enumerate() {
            write!(f, "{}{variable} {fault}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables through `lookup`; an empty one counts as absent.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut read = EnvReader::new(&lookup);
        let stage = read.stage();
        let config = Self {
            stage,
            function_name: read.optional("AWS_LAMBDA_FUNCTION_NAME"),
            database_url: SecretString::from(read.database_url()),
            database_ca: read.optional("DATABASE_CA"),
            database_pool: read.number("DATABASE_POOL", read.default_pool(), 1, 100),
            redis_url: SecretString::from(read.store_url("REDIS_URL", &["redis", "rediss"])),
            jwt_keys: read.jwt_keys(),
            jwt_issuer: read.text("JWT_ISSUER", "whispr-auth"),
            jwt_audience: read.text("JWT_AUDIENCE", "whispr"),
            access_token_ttl: Duration::from_secs(read.number("ACCESS_TOKEN_TTL", 900, 60, 1200)),
            pepper: read.pepper(),
            cors_origins: read.origins(),
            sender: read.sender("SMS_SENDER", (stage == Stage::Local).then_some("inbox")),
            sender_fallback: read.sender("SMS_FALLBACK", None),
            sms_brand: read.text("SMS_BRAND", "Whispr"),
            sms_app_hash: read.optional("SMS_APP_HASH"),
            sms_domain: read.optional("SMS_DOMAIN"),
            limits: LimitsConfig::read(&mut read),
            test_numbers: read.test_numbers(),
            captcha: read.captcha(),
            demo_mode: read.flag("DEMO_MODE", false),
            legacy_clients: read.flag("LEGACY_CLIENTS", false),
            metrics_enabled: read.flag("METRICS_ENABLED", true),
            metrics_token: read.optional("METRICS_TOKEN").map(SecretString::from),
        };
        read.check_audiences(&config);
        read.check_stage(&config);
        if read.faults.is_empty() { Ok(config) } else { Err(ConfigErrors(read.faults)) }
    }

    /// The same, if it names a sender.
    pub fn with_sender(self) -> Result<Self, ConfigErrors> {
        if self.sender.is_some() {
            return Ok(self);
        }
        Err(ConfigErrors(vec![ConfigError { variable: "SMS_SENDER", fault: "is not set" }]))
    }

    /// Whether the local gateway's own pages are served.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.stage == Stage::Local
    }
}

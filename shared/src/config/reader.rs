//! Variables in, values or faults out: one method for each kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::phone::PhoneNumber;
use domain::verification::Code;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::config::SslMode;

use super::{CaptchaConfig, Config, ConfigError, SenderConfig, Stage, TwilioConfig, VonageConfig};
use crate::tokens::{KeySet, new_jwt_keys};

pub(crate) struct EnvReader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) faults: Vec<ConfigError>,
}

impl<'a> EnvReader<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, faults: Vec::new() }
    }
}

impl EnvReader<'_> {
    pub(crate) fn fault(&mut self, variable: &'static str, fault: &'static str) {
        self.faults.push(ConfigError { variable, fault });
    }

    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.fault(name, "is not set");
            String::new()
        })
    }

    pub(super) fn text(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    pub(crate) fn number<T>(&mut self, name: &'static str, default: T, least: T, most: T) -> T
    where
        T: std::str::FromStr + PartialOrd + Copy,
    {
        match self.optional(name).map(|value| value.parse::<T>()) {
            None => default,
            Some(Ok(value)) if value >= least && value <= most => value,
            Some(_) => {
                self.fault(name, "is not a number in its range");
                default
            }
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.optional(name).as_deref() {
            None => default,
            Some("true" | "on") => true,
            Some("false" | "off") => false,
            Some(_) => {
                self.fault(name, "must be true or false (on or off)");
                default
            }
        }
    }

    pub(super) fn stage(&mut self) -> Stage {
        match self.optional("STAGE").as_deref() {
            Some("local") => Stage::Local,
            Some("dev") => Stage::Dev,
            Some("staging") => Stage::Staging,
            // Nothing said is the strictest, so that a forgotten variable opens nothing.
            Some("prod") | None => Stage::Prod,
            Some(_) => {
                self.fault("STAGE", "must be one of local, dev, staging, prod");
                Stage::Prod
            }
        }
    }

    pub(super) fn default_pool(&self) -> usize {
        if self.optional("AWS_LAMBDA_FUNCTION_NAME").is_some() { 1 } else { 8 }
    }

    pub(super) fn store_url(&mut self, name: &'static str, schemes: &[&str]) -> String {
        let value = self.required(name);
        if !value.is_empty() && !is_url(&value, schemes) {
            self.fault(name, "is not an address of its kind of store");
        }
        value
    }

    /// `DATABASE_URL`, or the same in parts.
    pub(super) fn database_url(&mut self) -> String {
        let Some(host) = self.optional("DB_HOST") else {
            return self.store_url("DATABASE_URL", &["postgres", "postgresql"]);
        };
        if self.optional("DATABASE_URL").is_some() {
            return self.store_url("DATABASE_URL", &["postgres", "postgresql"]);
        }
        let port: u16 = self.number("DB_PORT", 5432, 1, u16::MAX);
        let (name, user) = (self.required("DB_NAME"), self.required("DB_USERNAME"));
        let password = self.required("DB_PASSWORD");
        let mut url = url::Url::parse("postgres://host/").map_err(|_| ());
        if let Ok(url) = &mut url {
            let well_formed = url.set_host(Some(&host)).is_ok()
                && url.set_port(Some(port)).is_ok()
                && url.set_username(&user).is_ok()
                && url.set_password(Some(&password)).is_ok();
            url.set_path(&name);
            url.set_query(Some(&format!("sslmode={}", self.text("DB_SSLMODE", "require"))));
            if !well_formed {
                self.fault("DB_HOST", "is not a host name");
            }
        }
        url.map(String::from).unwrap_or_default()
    }

    pub(super) fn jwt_keys(&mut self) -> Arc<KeySet> {
        let keys = SecretString::from(self.required("JWT_KEYS"));
        let parsed = KeySet::parse(&keys).or_else(|_| {
            if !keys.expose_secret().is_empty() {
                self.fault("JWT_KEYS", "must be as `cargo local keys new` prints it");
            }
            // Never used: the fault refuses the start, once the others are known too.
            KeySet::parse(&SecretString::from(new_jwt_keys()))
        });
        Arc::new(parsed.expect("keys made here parse"))
    }

    pub(super) fn pepper(&mut self) -> SecretSlice<u8> {
        let pepper = self.required("PEPPER");
        let bytes = BASE64.decode(&pepper).unwrap_or_default();
        if !pepper.is_empty() && bytes.len() < crate::sealing::MIN_PEPPER {
            self.fault("PEPPER", "must be the base64 of at least 32 random bytes");
        }
        SecretSlice::from(bytes)
    }

    pub(super) fn origins(&mut self) -> Vec<String> {
        let origins: Vec<String> = self
            .optional("CORS_ORIGINS")
            .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
            .unwrap_or_default();
        let well_formed = |origin: &String| {
            // As browsers write them: compared to the letter, anything else would never match.
            !origin.contains('*')
                && is_url(origin, &["http", "https"])
                && url::Url::parse(origin)
                    .is_ok_and(|url| url.origin().ascii_serialization() == *origin)
        };
        if origins != ["*"] && !origins.iter().all(well_formed) {
            self.fault("CORS_ORIGINS", "must be a comma-separated list of origins, or *");
        }
        origins
    }

    pub(super) fn sender(
        &mut self,
        name: &'static str,
        default: Option<&str>,
    ) -> Option<SenderConfig> {
        let kind = self.optional(name).or_else(|| default.map(str::to_owned))?;
        match kind.as_str() {
            "inbox" => Some(SenderConfig::Inbox),
            "twilio" => Some(SenderConfig::Twilio(TwilioConfig {
                account_sid: self.required("TWILIO_ACCOUNT_SID"),
                auth_token: SecretString::from(self.required("TWILIO_AUTH_TOKEN")),
                from: self.required("TWILIO_FROM"),
                base_url: self.text("TWILIO_API_URL", "https://api.twilio.com"),
            })),
            "vonage" => Some(SenderConfig::Vonage(VonageConfig {
                api_key: self.required("VONAGE_API_KEY"),
                api_secret: SecretString::from(self.required("VONAGE_API_SECRET")),
                from: self.required("VONAGE_FROM"),
                base_url: self.text("VONAGE_API_URL", "https://rest.nexmo.com"),
            })),
            _ => {
                self.fault(name, "must be one of inbox, twilio, vonage");
                None
            }
        }
    }

    /// `number=code,number=code`
    pub(super) fn test_numbers(&mut self) -> HashMap<PhoneNumber, Code> {
        let list = self.optional("TEST_PHONE_NUMBERS").unwrap_or_default();
        let pairs = list.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let parsed: Option<HashMap<_, _>> = pairs
            .map(|pair| {
                let (number, code) = pair.split_once('=')?;
                Some((PhoneNumber::parse(number).ok()?, Code::parse(code.trim()).ok()?))
            })
            .collect();
        parsed.unwrap_or_else(|| {
            self.fault("TEST_PHONE_NUMBERS", "must be number=code pairs, codes of 6 digits");
            HashMap::new()
        })
    }

    pub(super) fn captcha(&mut self) -> Option<CaptchaConfig> {
        let url = self.optional("SMS_CHALLENGE_URL")?;
        if !is_url(&url, &["http", "https"]) {
            self.fault("SMS_CHALLENGE_URL", "is not a web address");
        }
        let secret = self.optional("SMS_CHALLENGE_SECRET").map(SecretString::from);
        Some(CaptchaConfig { url, secret })
    }

    /// A refresh token must never pass for an access token, whatever is configured.
    pub(super) fn check_audiences(&mut self, config: &Config) {
        if config.jwt_audience == config.jwt_issuer || config.jwt_audience == "ws" {
            self.fault("JWT_AUDIENCE", "must differ from JWT_ISSUER and from \"ws\"");
        }
        if config.jwt_issuer == "ws" {
            self.fault("JWT_ISSUER", "must not be \"ws\"");
        }
    }

    /// What production refuses to start with.
    pub(super) fn check_stage(&mut self, config: &Config) {
        if config.stage != Stage::Prod {
            return;
        }
        if config.demo_mode {
            self.fault("DEMO_MODE", "must be off in production");
        }
        if !config.limits.enabled {
            self.fault("RATE_LIMITS", "must be on in production");
        }
        let inbox = |sender: &SenderConfig| matches!(sender, SenderConfig::Inbox);
        if config.sender.as_ref().is_some_and(inbox) {
            self.fault("SMS_SENDER", "must send for real in production");
        }
        if config.sender_fallback.as_ref().is_some_and(inbox) {
            self.fault("SMS_FALLBACK", "must send for real in production");
        }
        let plain_redis = config.redis_url.expose_secret().starts_with("redis:");
        if plain_redis {
            self.fault("REDIS_URL", "must be encrypted (rediss://) in production");
        }
        let database: Option<tokio_postgres::Config> =
            config.database_url.expose_secret().parse().ok();
        if database.is_some_and(|database| database.get_ssl_mode() != SslMode::Require) {
            self.fault("DATABASE_URL", "must be encrypted (sslmode=require) in production");
        }
    }
}

fn is_url(value: &str, schemes: &[&str]) -> bool {
    url::Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}

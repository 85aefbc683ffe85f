//! The whole configuration: every environment variable, read once. All faults are told
//! together, by variable name and never with the value, which may be a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::secret::Secret;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::signing::{KeySet, new_jwt_keys};

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
}

#[derive(Clone, Debug)]
pub struct TwilioConfig {
    pub account_sid: String,
    pub auth_token: Secret<String>,
    pub from: String,
    /// `https://api.twilio.com` but in tests.
    pub base_url: String,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
pub struct Config {
    pub stage: Stage,
    /// The Lambda function this is, if it is one.
    pub function_name: Option<String>,
    pub database_url: Secret<String>,
    /// Extra certificate authorities for Postgres, PEM: RDS signs with its own.
    pub database_ca: Option<String>,
    /// Connections kept: one in a Lambda sandbox, which serves one request at a time.
    pub database_pool: usize,
    pub redis_url: Secret<String>,
    pub jwt_keys: Arc<KeySet>,
    pub jwt_issuer: String,
    pub jwt_audience: String,
    pub access_token_ttl: Duration,
    pub pepper: Secret<Vec<u8>>,
    pub cors_origins: Vec<String>,
    /// None in a function that never sends: it is not given the sender's secrets.
    pub sender: Option<SenderConfig>,
    pub sender_fallback: Option<SenderConfig>,
    pub sms_brand: String,
    pub sms_app_hash: Option<String>,
    pub sms_domain: Option<String>,
    pub sms_rate_limit_per_minute: u32,
    pub sms_rate_limit_per_hour: u32,
    /// False lifts the limits on how often one may ask, for load tests.
    pub rate_limits: bool,
    pub demo_mode: bool,
    pub legacy_clients: bool,
    pub metrics_enabled: bool,
    pub metrics_token: Option<Secret<String>>,
}

/// One variable and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub variable: &'static str,
    pub fault: &'static str,
}

/// Everything that is wrong, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration: ")?;
        for (n, ConfigFault { variable, fault }) in self.0.iter().enumerate() {
            write!(f, "{}{variable} {fault}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}

impl Config {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigFaults> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables through `lookup`; an empty one counts as absent.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigFaults> {
        let mut read = Reader { lookup: &lookup, faults: Vec::new() };
        let stage = read.stage();
        let config = Self {
            stage,
            function_name: read.optional("AWS_LAMBDA_FUNCTION_NAME"),
            database_url: Secret::new(read.database_url()),
            database_ca: read.optional("DATABASE_CA"),
            database_pool: read.number("DATABASE_POOL", read.default_pool(), 1, 100),
            redis_url: Secret::new(read.store_url("REDIS_URL", &["redis", "rediss"])),
            jwt_keys: read.jwt_keys(),
            jwt_issuer: read.text("JWT_ISSUER", "whispr-auth"),
            jwt_audience: read.text("JWT_AUDIENCE", "whispr"),
            access_token_ttl: Duration::from_secs(read.number("ACCESS_TOKEN_TTL", 900, 60, 3600)),
            pepper: read.pepper(),
            cors_origins: read.origins(),
            sender: read.sender("SMS_SENDER", (stage == Stage::Local).then_some("inbox")),
            sender_fallback: read.sender("SMS_FALLBACK", None),
            sms_brand: read.text("SMS_BRAND", "Whispr"),
            sms_app_hash: read.optional("SMS_APP_HASH"),
            sms_domain: read.optional("SMS_DOMAIN"),
            sms_rate_limit_per_minute: read.number("SMS_RATE_LIMIT_PER_MINUTE", 5, 1, 1000),
            sms_rate_limit_per_hour: read.number("SMS_RATE_LIMIT_PER_HOUR", 20, 1, 10_000),
            rate_limits: read.flag("RATE_LIMITS", true),
            demo_mode: read.flag("DEMO_MODE", false),
            legacy_clients: read.flag("LEGACY_CLIENTS", false),
            metrics_enabled: read.flag("METRICS_ENABLED", true),
            metrics_token: read.optional("METRICS_TOKEN").map(Secret::new),
        };
        read.check_audiences(&config);
        read.check_stage(&config);
        if read.faults.is_empty() { Ok(config) } else { Err(ConfigFaults(read.faults)) }
    }

    /// The same, if it names a sender.
    pub fn with_sender(self) -> Result<Self, ConfigFaults> {
        if self.sender.is_some() {
            return Ok(self);
        }
        Err(ConfigFaults(vec![ConfigFault { variable: "SMS_SENDER", fault: "is not set" }]))
    }

    /// Whether the local gateway's own pages are served.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.stage == Stage::Local
    }
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<ConfigFault>,
}

impl Reader<'_> {
    fn fault(&mut self, variable: &'static str, fault: &'static str) {
        self.faults.push(ConfigFault { variable, fault });
    }

    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.fault(name, "is not set");
            String::new()
        })
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    fn number<T>(&mut self, name: &'static str, default: T, least: T, most: T) -> T
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

    fn flag(&mut self, name: &'static str, default: bool) -> bool {
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

    fn stage(&mut self) -> Stage {
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

    fn default_pool(&self) -> usize {
        if self.optional("AWS_LAMBDA_FUNCTION_NAME").is_some() { 1 } else { 8 }
    }

    fn store_url(&mut self, name: &'static str, schemes: &[&str]) -> String {
        let value = self.required(name);
        if !value.is_empty() && !is_url(&value, schemes) {
            self.fault(name, "is not an address of its kind of store");
        }
        value
    }

    /// `DATABASE_URL`, or the same in parts.
    fn database_url(&mut self) -> String {
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

    fn jwt_keys(&mut self) -> Arc<KeySet> {
        let keys = Secret::new(self.required("JWT_KEYS"));
        let parsed = KeySet::parse(&keys).or_else(|_| {
            if !keys.expose().is_empty() {
                self.fault("JWT_KEYS", "must be as `cargo local keys new` prints it");
            }
            // Never used: the fault refuses the start, once the others are known too.
            KeySet::parse(&Secret::new(new_jwt_keys()))
        });
        Arc::new(parsed.expect("keys made here parse"))
    }

    fn pepper(&mut self) -> Secret<Vec<u8>> {
        let pepper = self.required("PEPPER");
        let bytes = BASE64.decode(&pepper).unwrap_or_default();
        if !pepper.is_empty() && bytes.len() < crate::sealing::MIN_PEPPER {
            self.fault("PEPPER", "must be the base64 of at least 32 random bytes");
        }
        Secret::new(bytes)
    }

    fn origins(&mut self) -> Vec<String> {
        let origins: Vec<String> = self
            .optional("CORS_ORIGINS")
            .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
            .unwrap_or_default();
        // As browsers write them: compared to the letter, anything else would never match.
        let well_formed = |origin: &String| {
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

    fn sender(&mut self, name: &'static str, default: Option<&str>) -> Option<SenderConfig> {
        let kind = self.optional(name).or_else(|| default.map(str::to_owned))?;
        match kind.as_str() {
            "inbox" => Some(SenderConfig::Inbox),
            "twilio" => Some(SenderConfig::Twilio(TwilioConfig {
                account_sid: self.required("TWILIO_ACCOUNT_SID"),
                auth_token: Secret::new(self.required("TWILIO_AUTH_TOKEN")),
                from: self.required("TWILIO_FROM"),
                base_url: self.text("TWILIO_API_URL", "https://api.twilio.com"),
            })),
            _ => {
                self.fault(name, "must be one of inbox, twilio");
                None
            }
        }
    }

    /// A refresh token must never pass for an access token, whatever is configured.
    fn check_audiences(&mut self, config: &Config) {
        if config.jwt_audience == config.jwt_issuer || config.jwt_audience == "ws" {
            self.fault("JWT_AUDIENCE", "must differ from JWT_ISSUER and from \"ws\"");
        }
        if config.jwt_issuer == "ws" {
            self.fault("JWT_ISSUER", "must not be \"ws\"");
        }
    }

    /// What production refuses to start with.
    fn check_stage(&mut self, config: &Config) {
        if config.stage == Stage::Local {
            return;
        }
        if config.metrics_enabled && config.metrics_token.is_none() {
            self.fault("METRICS_TOKEN", "must be set, or METRICS_ENABLED be false");
        }
        if config.stage != Stage::Prod {
            return;
        }
        if config.demo_mode {
            self.fault("DEMO_MODE", "must be off in production");
        }
        if !config.rate_limits {
            self.fault("RATE_LIMITS", "must be on in production");
        }
        let inbox = |sender: &SenderConfig| matches!(sender, SenderConfig::Inbox);
        if config.sender.as_ref().is_some_and(inbox) {
            self.fault("SMS_SENDER", "must send for real in production");
        }
        if config.sender_fallback.as_ref().is_some_and(inbox) {
            self.fault("SMS_FALLBACK", "must send for real in production");
        }
        let plain_redis = config.redis_url.expose().starts_with("redis:");
        if plain_redis {
            self.fault("REDIS_URL", "must be encrypted (rediss://) in production");
        }
        let database = config.database_url.expose();
        if !database.is_empty() && !database.contains("sslmode=require") {
            self.fault("DATABASE_URL", "must be encrypted (sslmode=require) in production");
        }
    }
}

fn is_url(value: &str, schemes: &[&str]) -> bool {
    url::Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
        let keys = new_jwt_keys();
        Config::from_lookup(|name| {
            let value = variables.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)?;
            Some(if value == "GOOD KEYS" { keys.clone() } else { value.to_owned() })
        })
    }

    const GOOD: [(&str, &str); 5] = [
        ("STAGE", "local"),
        ("DATABASE_URL", "postgres://auth@127.0.0.1:5432/auth"),
        ("REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("JWT_KEYS", "GOOD KEYS"),
        ("PEPPER", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ];

    fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        // The first of a name counts, so the additions go in front.
        more.iter().chain(GOOD.iter()).copied().collect()
    }

    fn names(result: Result<Config, ConfigFaults>) -> Vec<&'static str> {
        result.err().map_or_else(Vec::new, |f| f.0.into_iter().map(|f| f.variable).collect())
    }

    #[test]
    fn local_needs_little() {
        let config = read(&GOOD).unwrap();
        assert_eq!(config.sms_rate_limit_per_minute, 5);
        assert!(config.rate_limits && !config.demo_mode);
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_value() {
        let faults = read(&[
            ("STAGE", "local"),
            ("REDIS_URL", "hunter2"),
            ("PEPPER", "c2hvcnQ="),
            ("ACCESS_TOKEN_TTL", "soon"),
            ("DEMO_MODE", "yes"),
            ("SMS_SENDER", "pigeon"),
            ("CORS_ORIGINS", "app.example.com"),
            ("JWT_AUDIENCE", "ws"),
            ("JWT_KEYS", "{}"),
        ])
        .unwrap_err();
        let text = faults.to_string();
        for name in [
            "DATABASE_URL",
            "REDIS_URL",
            "JWT_KEYS",
            "ACCESS_TOKEN_TTL",
            "PEPPER",
            "CORS_ORIGINS",
            "SMS_SENDER",
            "DEMO_MODE",
            "JWT_AUDIENCE",
        ] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        for value in ["hunter2", "c2hvcnQ=", "soon", "pigeon"] {
            assert!(!text.contains(value), "{value} leaked: {text}");
        }
    }

    #[test]
    fn production_refuses_what_is_not_safe() {
        assert_eq!(
            names(read(&with(&[
                ("STAGE", "prod"),
                ("DEMO_MODE", "true"),
                ("RATE_LIMITS", "off"),
                ("SMS_SENDER", "inbox")
            ]))),
            [
                "METRICS_TOKEN",
                "DEMO_MODE",
                "RATE_LIMITS",
                "SMS_SENDER",
                "REDIS_URL",
                "DATABASE_URL"
            ]
        );
        let good = with(&[
            ("STAGE", "prod"),
            ("METRICS_ENABLED", "false"),
            ("SMS_SENDER", "twilio"),
            ("TWILIO_ACCOUNT_SID", "AC1"),
            ("TWILIO_AUTH_TOKEN", "t"),
            ("TWILIO_FROM", "+15005550006"),
            ("REDIS_URL", "rediss://cache:6379"),
            ("DATABASE_URL", "postgres://auth:pw@db/auth?sslmode=require"),
        ]);
        assert_eq!(names(read(&good)), Vec::<&str>::new());
        assert!(read(&good).unwrap().with_sender().is_ok());
        let without: Vec<_> = good.into_iter().filter(|(name, _)| *name != "SMS_SENDER").collect();
        assert_eq!(names(read(&without).unwrap().with_sender()), ["SMS_SENDER"]);
    }

    #[test]
    fn no_stage_means_production() {
        let without: Vec<_> = GOOD.iter().skip(1).copied().collect();
        assert!(names(read(&without)).contains(&"REDIS_URL"));
    }

    #[test]
    fn the_database_may_be_told_in_parts() {
        let parts: Vec<_> = [
            ("DB_HOST", "db"),
            ("DB_NAME", "auth"),
            ("DB_USERNAME", "me"),
            ("DB_PASSWORD", "p@ss/word"),
        ]
        .into_iter()
        .chain(GOOD.iter().copied().filter(|(name, _)| *name != "DATABASE_URL"))
        .collect();
        let url = read(&parts).unwrap().database_url;
        assert_eq!(url.expose(), "postgres://me:p%40ss%2Fword@db:5432/auth?sslmode=require");
    }

    #[test]
    fn a_twilio_fallback_names_what_it_lacks() {
        assert_eq!(
            names(read(&with(&[("SMS_FALLBACK", "twilio")]))),
            ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"]
        );
    }
}

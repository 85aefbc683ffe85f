//! Secrets: one loader brings them, at the start and again while the process runs.
//!
//! A function declares the secrets that it reads ([`SecretName`]); only those are loaded.
//! [`LiveSecret`] holds one in its parsed form and replaces it when it is loaded again.

use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use thiserror::Error;

/// The variables of a process, or of a test.
pub type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Every secret of the service, and the public keys, which rotate together with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretName {
    /// The whole address of Postgres, with its password.
    DatabaseUrl,
    /// The password alone, where the address is given in parts.
    DatabasePassword,
    RedisUrl,
    /// For servers that are not given by a URL.
    RedisPassword,
    RedisSentinelPassword,
    /// What CloudFront shows with each request.
    OriginVerifySecret,
    /// Private signing keys.
    JwtKeys,
    /// The public keys that verify tokens, as a JWKS.
    JwtPublicKeys,
    Pepper,
    /// Encrypts what the database holds for long.
    DataKeys,
    /// Names Redis keys; never changes.
    PhoneIndexKey,
    TwilioAuthToken,
    VonageApiSecret,
    CaptchaSecret,
    /// Signs what is posted to the operator's own sender.
    SmsHookSecret,
    MetricsToken,
    TestPhoneNumbers,
}

impl SecretName {
    /// The variable that holds it.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::DatabaseUrl => "DATABASE_URL",
            Self::DatabasePassword => "DB_PASSWORD",
            Self::RedisUrl => "REDIS_URL",
            Self::RedisPassword => "REDIS_PASSWORD",
            Self::RedisSentinelPassword => "REDIS_SENTINEL_PASSWORD",
            Self::OriginVerifySecret => "ORIGIN_VERIFY_SECRET",
            Self::JwtKeys => "JWT_KEYS",
            Self::JwtPublicKeys => "JWT_PUBLIC_KEYS",
            Self::Pepper => "PEPPER",
            Self::DataKeys => "DATA_KEYS",
            Self::PhoneIndexKey => "PHONE_INDEX_KEY",
            Self::TwilioAuthToken => "TWILIO_AUTH_TOKEN",
            Self::VonageApiSecret => "VONAGE_API_SECRET",
            Self::CaptchaSecret => "SMS_CHALLENGE_SECRET",
            Self::SmsHookSecret => "SMS_HOOK_SECRET",
            Self::MetricsToken => "METRICS_TOKEN",
            Self::TestPhoneNumbers => "TEST_PHONE_NUMBERS",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("{} is not set", .0.variable())]
    Missing(SecretName),
    #[error("{} is malformed", .0.variable())]
    Malformed(SecretName),
}

/// Loads secrets from where the deployment keeps them.
#[derive(Clone)]
pub enum SecretLoader {
    /// Variables of the process, or of a test.
    Environment(Lookup),
}

impl SecretLoader {
    /// Loads one secret; `None` if it is not set.
    #[expect(clippy::unused_async, reason = "a loader that asks a service over the network waits")]
    pub async fn load(&self, name: SecretName) -> Result<Option<SecretString>, SecretError> {
        match self {
            Self::Environment(lookup) => {
                let value = lookup(name.variable()).map(|value| value.trim().to_owned());
                Ok(value.filter(|value| !value.is_empty()).map(SecretString::from))
            }
        }
    }

    /// Loads several secrets.
    pub async fn load_all(
        &self,
        names: &[SecretName],
    ) -> Result<HashMap<SecretName, SecretString>, SecretError> {
        let mut loaded = HashMap::new();
        for name in names {
            if let Some(secret) = self.load(*name).await? {
                loaded.insert(*name, secret);
            }
        }
        Ok(loaded)
    }
}

/// How the text of a secret becomes what the service uses; the error says what it must be.
pub type ParseSecret<T> = fn(&SecretString) -> Result<T, &'static str>;

/// A secret in its parsed form, replaced as a whole when it is loaded again.
pub struct LiveSecret<T> {
    name: SecretName,
    loader: SecretLoader,
    parse: ParseSecret<T>,
    current: RwLock<Arc<T>>,
}

impl<T> LiveSecret<T> {
    pub(crate) fn new(
        name: SecretName,
        loader: SecretLoader,
        parse: ParseSecret<T>,
        first: T,
    ) -> Self {
        Self { name, loader, parse, current: RwLock::new(Arc::new(first)) }
    }

    /// The newest value.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads the secret again. On an error the value before stays in use.
    pub async fn refresh(&self) -> Result<(), SecretError> {
        let loaded = self.loader.load(self.name).await?;
        let loaded = loaded.ok_or(SecretError::Missing(self.name))?;
        let parsed = (self.parse)(&loaded).map_err(|_| SecretError::Malformed(self.name))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parsed);
        Ok(())
    }
}

//! Variables and secrets in, values and errors out: one method for each kind of value.

use secrecy::{ExposeSecret as _, SecretString};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::discovery::discover;
use super::error::{ConfigError, ConfigErrors};
use super::settings;
use crate::cloud::{CacheEndpoint, CloudHandle};
use crate::secrets::{LiveSecret, Lookup, ParseSecret, SecretErrors, SecretName, Secrets};

/// What a function may read: all plain variables, and the secrets that it declared.
pub struct Environment {
    secrets: Arc<Secrets>,
    cache_endpoint: Option<CacheEndpoint>,
    declared: BTreeSet<SecretName>,
    loaded: HashMap<SecretName, SecretString>,
    errors: Vec<ConfigError>,
}

impl Environment {
    /// The environment of this process, in a cloud or without one.
    pub async fn load(cloud: CloudHandle, secrets: &[SecretName]) -> Result<Self, SecretErrors> {
        Self::load_in(cloud, Arc::new(|name| std::env::var(name).ok()), secrets).await
    }

    /// The same with other variables, without a cloud.
    pub async fn from_lookup(lookup: Lookup, secrets: &[SecretName]) -> Result<Self, SecretErrors> {
        Self::load_in(None, lookup, secrets).await
    }

    /// The same in a cloud.
    pub async fn load_in(
        cloud: CloudHandle,
        lookup: Lookup,
        names: &[SecretName],
    ) -> Result<Self, SecretErrors> {
        let (lookup, error) = settings::with_settings(lookup);
        let mut secrets = Secrets::new(lookup.clone(), cloud.clone());
        let mut errors = Vec::from_iter(error);
        // Others have no right to ask where the cache is.
        let reads_redis = names.contains(&SecretName::RedisUrl);
        let cache = async { if reads_redis { discover(&cloud, &lookup).await } else { None } };
        let (loaded, cache_endpoint) = tokio::join!(secrets.load(names, &mut errors), cache);
        let (loaded, declared) = (loaded?, names.iter().copied().collect());
        Ok(Self { secrets: Arc::new(secrets), cache_endpoint, declared, loaded, errors })
    }

    /// Plain variables alone.
    #[must_use]
    pub fn without_secrets(lookup: Lookup) -> Self {
        let (lookup, error) = settings::with_settings(lookup);
        Self {
            secrets: Arc::new(Secrets::new(lookup, None)),
            cache_endpoint: None,
            declared: BTreeSet::new(),
            loaded: HashMap::new(),
            errors: Vec::from_iter(error),
        }
    }

    #[must_use]
    pub fn reader(&self) -> EnvReader<'_> {
        EnvReader {
            environment: self,
            errors: self.errors.clone(),
            read: [settings::VARIABLE.to_owned()].into(),
        }
    }
}

/// Reads the environment and collects what is wrong with it.
pub struct EnvReader<'a> {
    environment: &'a Environment,
    errors: Vec<ConfigError>,
    read: BTreeSet<String>,
}

impl EnvReader<'_> {
    pub fn error(&mut self, variable: &'static str, error: &'static str) {
        let error = ConfigError { variable, error };
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The cloud that the process runs in.
    #[must_use]
    pub fn cloud(&self) -> CloudHandle {
        self.environment.secrets.cloud()
    }

    /// The secrets of the process, to load them again.
    #[must_use]
    pub fn secrets(&self) -> Arc<Secrets> {
        self.environment.secrets.clone()
    }

    /// Where the named cache was when the process started.
    #[must_use]
    pub fn cache_endpoint(&self) -> Option<CacheEndpoint> {
        self.environment.cache_endpoint.clone()
    }

    /// The names of all variables that were asked for.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<String> {
        &self.read
    }

    /// The value that was read, if nothing was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors(self.errors)),
        }
    }

    /// An empty variable counts as absent.
    pub fn optional(&mut self, name: &str) -> Option<String> {
        self.read.insert(name.to_owned());
        self.environment.secrets.variable(name)
    }

    pub fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.error(name, "is not set");
            String::new()
        })
    }

    pub fn text(&mut self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    pub fn number<T>(&mut self, name: &'static str, default: T, least: T, most: T) -> T
    where
        T: std::str::FromStr + PartialOrd + Copy,
    {
        match self.optional(name).map(|value| value.parse::<T>()) {
            None => default,
            Some(Ok(value)) if value >= least && value <= most => value,
            Some(_) => {
                self.error(name, "is not a number in its range");
                default
            }
        }
    }

    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.optional(name).as_deref() {
            None => default,
            Some("true" | "on") => true,
            Some("false" | "off") => false,
            Some(_) => {
                self.error(name, "must be true or false (on or off)");
                default
            }
        }
    }

    /// A secret that the function declared, as it is at the start.
    pub fn secret(&mut self, name: SecretName) -> Option<SecretString> {
        self.read.extend([name.variable(), name.id_variable()].map(str::to_owned));
        if !self.environment.declared.contains(&name) {
            self.error(name.variable(), "is not among the secrets that this function declares");
        }
        self.environment.loaded.get(&name).cloned()
    }

    pub fn required_secret(&mut self, name: SecretName) -> SecretString {
        self.secret(name).unwrap_or_else(|| {
            self.error(name.variable(), "is not set");
            SecretString::from("")
        })
    }

    /// A secret in its parsed form, which is loaded again while the process runs.
    pub fn live_secret<T: Send + Sync + 'static>(
        &mut self,
        name: SecretName,
        parse: ParseSecret<T>,
    ) -> Option<Arc<LiveSecret<T>>> {
        let secret = self.required_secret(name);
        if secret.expose_secret().is_empty() { None } else { self.live(name, parse, secret) }
    }

    /// The same of a secret that need not be set. `None` if it is not set, or wrong.
    pub fn optional_live_secret<T: Send + Sync + 'static>(
        &mut self,
        name: SecretName,
        parse: ParseSecret<T>,
    ) -> Option<Arc<LiveSecret<T>>> {
        let secret = self.secret(name)?;
        self.live(name, parse, secret)
    }

    fn live<T: Send + Sync + 'static>(
        &mut self,
        name: SecretName,
        parse: ParseSecret<T>,
        secret: SecretString,
    ) -> Option<Arc<LiveSecret<T>>> {
        let live = LiveSecret::new(name, self.secrets(), parse, secret);
        live.map_err(|error| self.error(name.variable(), error)).ok()
    }
}

/// Whether a value is an absolute URL of one of these schemes.
#[must_use]
pub(super) fn is_url(value: &str, schemes: &[&str]) -> bool {
    url::Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}

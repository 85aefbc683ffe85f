//! Variables and secrets in, values and errors out: one method for each kind of value.

use secrecy::{ExposeSecret as _, SecretString};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::discovery::discover;
use super::error::{ConfigError, ConfigErrors};
use crate::cloud::{CacheEndpoint, CloudHandle};
use crate::secrets::{LiveSecret, Lookup, ParseSecret, SecretError, SecretLoader, SecretName};

/// What a function may read: all plain variables, and the secrets that it declared.
pub struct Environment {
    lookup: Lookup,
    loader: SecretLoader,
    cloud: CloudHandle,
    cache_endpoint: Option<CacheEndpoint>,
    declared: BTreeSet<SecretName>,
    loaded: HashMap<SecretName, SecretString>,
}

impl Environment {
    /// The environment of this process, in a cloud or without one.
    pub async fn load(cloud: CloudHandle, secrets: &[SecretName]) -> Result<Self, SecretError> {
        Self::load_in(cloud, Arc::new(|name| std::env::var(name).ok()), secrets).await
    }

    /// The same with other variables, without a cloud.
    pub async fn from_lookup(lookup: Lookup, secrets: &[SecretName]) -> Result<Self, SecretError> {
        Self::load_in(None, lookup, secrets).await
    }

    /// The same in a cloud.
    pub async fn load_in(
        cloud: CloudHandle,
        lookup: Lookup,
        secrets: &[SecretName],
    ) -> Result<Self, SecretError> {
        let loader = SecretLoader::Environment(lookup.clone());
        let (loaded, cache_endpoint) =
            tokio::join!(loader.load_all(secrets), discover(&cloud, &lookup));
        let (loaded, declared) = (loaded?, secrets.iter().copied().collect());
        Ok(Self { lookup, loader, cloud, cache_endpoint, declared, loaded })
    }

    /// Plain variables alone.
    #[must_use]
    pub fn without_secrets(lookup: Lookup) -> Self {
        let loader = SecretLoader::Environment(lookup.clone());
        Self {
            lookup,
            loader,
            cloud: None,
            cache_endpoint: None,
            declared: BTreeSet::new(),
            loaded: HashMap::new(),
        }
    }

    #[must_use]
    pub fn reader(&self) -> EnvReader<'_> {
        EnvReader { environment: self, errors: Vec::new(), read: BTreeSet::new() }
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
        self.environment.cloud.clone()
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
        let value = (self.environment.lookup)(name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
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

    /// A secret that the function declared.
    pub fn secret(&mut self, name: SecretName) -> Option<SecretString> {
        self.read.insert(name.variable().to_owned());
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

    /// A secret in its parsed form, which can be loaded again while the process runs.
    pub fn live_secret<T>(
        &mut self,
        name: SecretName,
        parse: ParseSecret<T>,
    ) -> Option<Arc<LiveSecret<T>>> {
        let secret = self.required_secret(name);
        if secret.expose_secret().is_empty() {
            return None;
        }
        match parse(&secret) {
            Ok(first) => {
                let loader = self.environment.loader.clone();
                Some(Arc::new(LiveSecret::new(name, loader, parse, first)))
            }
            Err(error) => {
                self.error(name.variable(), error);
                None
            }
        }
    }
}

impl EnvReader<'_> {
    /// The same for a secret that may be absent.
    pub fn optional_live_secret<T>(
        &mut self,
        name: SecretName,
        parse: ParseSecret<T>,
    ) -> Option<Arc<LiveSecret<T>>> {
        self.secret(name)?;
        self.live_secret(name, parse)
    }
}

/// Whether a value is an absolute URL of one of these schemes.
#[must_use]
pub(super) fn is_url(value: &str, schemes: &[&str]) -> bool {
    url::Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}

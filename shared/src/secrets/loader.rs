//! Loads secrets: from variables, and from the cloud. What is loaded from there is kept, so that
//! several secrets of one JSON object need one call.

use secrecy::{ExposeSecret as _, SecretString};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::task::JoinSet;

use super::replace::Replace;
use super::schedule::Schedule;
use super::source::SecretSource;
use super::{SecretError, SecretErrors, SecretName};
use crate::clock::Clock;
use crate::cloud::{CloudError, CloudHandle};
use crate::config::error::ConfigError;

/// The variables of a process, or of a test.
pub type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The secrets of a process.
pub struct Secrets {
    lookup: Lookup,
    cloud: CloudHandle,
    clock: OnceLock<Clock>,
    /// The secrets that the cloud holds.
    sources: BTreeMap<SecretName, SecretSource>,
    /// Their texts by id.
    stored: Mutex<BTreeMap<String, Stored>>,
    live: Mutex<Vec<Weak<dyn Replace>>>,
}

/// A secret of the cloud.
pub(super) struct Stored {
    text: SecretString,
    pub(super) schedule: Schedule,
}

impl Secrets {
    /// Nothing is loaded yet.
    pub(crate) fn new(lookup: Lookup, cloud: CloudHandle) -> Self {
        Self {
            lookup,
            cloud,
            clock: OnceLock::new(),
            sources: BTreeMap::new(),
            stored: Mutex::default(),
            live: Mutex::default(),
        }
    }

    /// Loads these secrets, those of the cloud at the same time. Variables that contradict each
    /// other go to `errors`.
    pub(crate) async fn load(
        &mut self,
        names: &[SecretName],
        errors: &mut Vec<ConfigError>,
    ) -> Result<HashMap<SecretName, SecretString>, SecretErrors> {
        for name in names {
            let variable = name.id_variable();
            let Some(id) = self.variable(variable) else { continue };
            let is_set_twice = self.variable(name.variable()).is_some();
            match SecretSource::parse(&id) {
                _ if is_set_twice => {
                    let error = "cannot be set together with the variable of the secret itself";
                    errors.push(ConfigError { variable, error });
                }
                Some(source) => drop(self.sources.insert(*name, source)),
                None => {
                    let error = "must be the name or ARN of a secret, or of one and #field";
                    errors.push(ConfigError { variable, error });
                }
            }
        }
        self.fetch_sources().await?;
        let (mut loaded, mut failed) = (HashMap::new(), Vec::new());
        for name in names {
            match self.text(*name) {
                Ok(Some(text)) => drop(loaded.insert(*name, text)),
                Ok(None) => {}
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() { Ok(loaded) } else { Err(SecretErrors(failed)) }
    }

    async fn fetch_sources(&self) -> Result<(), SecretErrors> {
        let names_of = |id: &str| -> Vec<SecretName> {
            let of_id = self.sources.iter().filter(|(_, source)| source.id == id);
            of_id.map(|(name, _)| *name).collect()
        };
        let mut ids: Vec<String> = self.sources.values().map(|source| source.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        if self.cloud.is_none() && !ids.is_empty() {
            let names = self.sources.keys().copied();
            return Err(SecretErrors(names.map(SecretError::NoCloud).collect()));
        }
        let mut failed = Vec::new();
        // Of a call that panics nothing arrives: its secret is missing below.
        let arrived = |id: String, text: Result<SecretString, CloudError>| match text {
            Ok(text) => drop(self.keep(&id, text)),
            Err(error) => {
                let failing = names_of(&id).into_iter();
                failed.extend(failing.map(|name| SecretError::Cloud(name, error.clone())));
            }
        };
        self.fetch(ids, arrived).await;
        if failed.is_empty() { Ok(()) } else { Err(SecretErrors(failed)) }
    }

    /// Asks the cloud for these secrets in one call, and at the same time for each that this did not
    /// give: one connection in place of one for each secret. Each is handed over when it arrives;
    /// dropping the future ends the calls.
    pub(super) async fn fetch(
        &self,
        mut ids: Vec<String>,
        mut arrived: impl FnMut(String, Result<SecretString, CloudError>),
    ) {
        let Some(cloud) = &self.cloud else { return };
        if ids.len() > 1 {
            match cloud.secrets(&ids).await {
                Ok(found) => {
                    for (id, text) in found {
                        ids.retain(|other| *other != id);
                        arrived(id, Ok(text));
                    }
                }
                Err(error) => tracing::info!(%error, "failed to read all secrets in one call"),
            }
        }
        let mut calls = JoinSet::new();
        for id in ids {
            let cloud = Arc::clone(cloud);
            calls.spawn(async move {
                let text = cloud.secret(&id).await;
                (id, text)
            });
        }
        while let Some(call) = calls.join_next().await {
            if let Ok((id, text)) = call {
                arrived(id, text);
            }
        }
    }

    /// Keeps the text of a secret of the cloud. Whether it is another than before.
    pub(super) fn keep(&self, id: &str, text: SecretString) -> bool {
        let mut stored = self.stored();
        let loaded_at = self.clock.get().map(Clock::now);
        let is_new =
            stored.get(id).is_none_or(|before| before.text.expose_secret() != text.expose_secret());
        let schedule = Schedule { loaded_at, tried_at: None };
        stored.insert(id.to_owned(), Stored { text, schedule });
        is_new
    }

    /// Loads one secret again, wherever it is, and replaces whatever is made of it.
    pub(super) async fn load_again(&self, name: SecretName) -> Result<(), SecretError> {
        if let Some(source) = self.sources.get(&name) {
            let cloud = self.cloud.as_ref().ok_or(SecretError::NoCloud(name))?;
            let text = cloud.secret(&source.id).await;
            let text = text.map_err(|error| SecretError::Cloud(name, error))?;
            if self.keep(&source.id, text) {
                let others = self.live_of(&source.id).into_iter();
                others
                    .filter(|live| live.name() != name)
                    .for_each(|live| drop(self.replace(&*live)));
            }
        }
        Ok(())
    }

    /// The text of a secret as it was loaded last; `None` if it is not set.
    pub(super) fn text(&self, name: SecretName) -> Result<Option<SecretString>, SecretError> {
        let Some(source) = self.sources.get(&name) else {
            return Ok(self.variable(name.variable()).map(SecretString::from));
        };
        let stored = self.stored();
        let stored = stored.get(&source.id).ok_or(SecretError::Missing(name))?;
        let text = source.read(&stored.text).ok_or(SecretError::NoField(name))?;
        let trimmed = text.expose_secret().trim();
        if trimmed.is_empty() {
            return Err(SecretError::Missing(name));
        }
        Ok(Some(SecretString::from(trimmed)))
    }

    /// A variable; an empty one counts as absent.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    }

    pub(crate) fn cloud(&self) -> CloudHandle {
        self.cloud.clone()
    }

    /// From now on secrets grow old by this clock.
    pub fn start_clock(&self, clock: &Clock) {
        let now = self.clock.get_or_init(|| clock.clone()).now();
        for stored in self.stored().values_mut() {
            stored.schedule.loaded_at.get_or_insert(now);
        }
    }

    pub(super) fn clock(&self) -> Option<&Clock> {
        self.clock.get()
    }

    pub(super) fn stored(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, live: Weak<dyn Replace>) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).push(live);
    }

    /// What is made of the secret with this id.
    pub(super) fn live_of(&self, id: &str) -> Vec<Arc<dyn Replace>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|one| one.strong_count() > 0);
        let alive = live.iter().filter_map(Weak::upgrade);
        alive
            .filter(|one| self.sources.get(&one.name()).is_some_and(|source| source.id == id))
            .collect()
    }

    /// Replaces what is made of a secret by what was loaded. An error is logged.
    pub(super) fn replace(&self, live: &dyn Replace) -> Result<(), SecretError> {
        let name = live.name();
        let text = self.text(name).and_then(|text| text.ok_or(SecretError::Missing(name)));
        let replaced = text.and_then(|text| live.replace(&text));
        match &replaced {
            Ok(true) => tracing::info!(secret = name.variable(), "a changed secret has arrived"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "failed to read a changed secret"),
        }
        replaced.map(drop)
    }
}

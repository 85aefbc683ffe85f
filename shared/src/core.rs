//! What every function is made of, built once at the start. Nothing here talks to the
//! network: stores connect with the first request.

use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use std::sync::Arc;
use thiserror::Error;

use crate::audit::SecurityEvent;
use crate::cache::Cache;
use crate::clock::{Clock, Rng};
use crate::config::{ConfigErrors, CoreConfig, EnvReader};
use crate::secrets::{SecretErrors, Secrets};
use crate::store::Store;
use crate::telemetry::{ErrorChain, Metrics};

/// Why a function does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Secret(#[from] SecretErrors),
}

/// Cheap to clone: every clone shares the same parts.
#[derive(Clone)]
pub struct Core(Arc<Parts>);

pub struct Parts {
    pub config: CoreConfig,
    pub clock: Clock,
    pub rng: Rng,
    pub store: Store,
    pub cache: Arc<Cache>,
    pub metrics: Arc<Metrics>,
    pub secrets: Arc<Secrets>,
}

impl std::ops::Deref for Core {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Core {
    /// Overwrites the cache entries of ended sessions, so that the very next request is refused.
    /// If Redis does not answer, the entries expire within a minute.
    pub async fn write_tombstones(&self, user: UserId, ended: &[SessionId]) {
        if let Err(error) = self.cache.write_tombstones(user, ended).await {
            tracing::error!(error = %ErrorChain(&error), "failed to write tombstones");
        }
    }

    /// Counts what is entered in the trail of the user with the end of the hour. If Redis does not
    /// answer, it is not counted.
    pub async fn count_hourly(&self, user: UserId, event: SecurityEvent, now: Timestamp) {
        if let Err(error) = self.cache.count_hourly_event(user, event, now).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to count for the trail");
        }
    }

    /// Reads the configuration and prepares the stores.
    pub fn read(env: &mut EnvReader, clock: Clock) -> Option<Self> {
        let config = CoreConfig::read(env);
        let metrics = Arc::new(Metrics::default());
        let store = Store::new(&config.postgres, clock.clone(), Rng, metrics.clone());
        let cache = Cache::new(&config.redis, clock.clone(), metrics.clone());
        if let Err(error) = &store {
            env.error(error.variable, error.error);
        }
        if cache.is_err() {
            env.error("REDIS_URL", "is not an address of Redis");
        }
        let (store, cache) = (store.ok()?, Arc::new(cache.ok()?));
        let secrets = env.secrets();
        secrets.start_clock(&clock);
        Some(Self(Arc::new(Parts { config, clock, rng: Rng, store, cache, metrics, secrets })))
    }
}

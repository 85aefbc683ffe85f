//! The parts of a running function, built once at its start. Nothing here talks to the
//! network: stores connect with the first request.

use std::sync::Arc;

use crate::cache::Cache;
use crate::clock::{Clock, Rng};
use crate::config::Config;
use crate::sealing::Sealing;
use crate::sender::Senders;
use crate::sender::captcha::CaptchaVerifier;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::tokens::Signing;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] crate::config::ConfigErrors),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Cache(#[from] crate::cache::CacheError),
    #[error(transparent)]
    Sealing(#[from] crate::sealing::SealingError),
}

/// Cheap to clone: every clone is the same parts.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub clock: Clock,
    pub rng: Rng,
    pub store: Store,
    pub cache: Arc<Cache>,
    pub sealing: Sealing,
    pub signing: Signing,
    pub senders: Senders,
    pub captcha: CaptchaVerifier,
    pub metrics: Arc<Metrics>,
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    pub fn new(config: Config) -> Result<Self, StartError> {
        Self::with_clock(config, Clock::System)
    }

    pub fn with_clock(config: Config, clock: Clock) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::default());
        let cache = Arc::new(Cache::new(&config.redis_url, metrics.clone())?);
        Ok(Self(Arc::new(Parts {
            store: Store::new(&config)?,
            sealing: Sealing::new(&config.pepper)?,
            signing: Signing::new(&config),
            senders: Senders::new(&config, &cache),
            captcha: CaptchaVerifier::new(config.captcha.clone()),
            rng: Rng,
            clock,
            cache,
            metrics,
            config,
        })))
    }
}

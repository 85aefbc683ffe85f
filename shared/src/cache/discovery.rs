//! Where a cache of ElastiCache is, by its name: asked at the first connection, and again
//! after a connection was lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;

use crate::clock::Clock;
use crate::cloud::{CacheEndpoint, CloudError, CloudErrorKind};
use crate::config::redis::NamedCache;
use crate::telemetry::ErrorChain;

/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(3);
/// The control plane is asked no more often: a fleet that lost its cache would be throttled.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// For how long a failure counts while no endpoint is known: requests do not wait for each
/// question of a control plane that is down.
const FAILURE_COUNTS: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Discovery(Arc<Inner>);

struct Inner {
    cache: NamedCache,
    clock: Clock,
    known: Mutex<Known>,
    /// Held by the one caller that asks while no endpoint is known. The others wait for it.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    endpoint: Option<CacheEndpoint>,
    asked_at: Option<Timestamp>,
    failed: Option<(Timestamp, CloudError)>,
}

impl Discovery {
    /// Asks nothing yet.
    pub(super) fn new(cache: NamedCache, clock: Clock) -> Self {
        let known = Known { endpoint: cache.first.clone(), ..Known::default() };
        let (known, asking) = (Mutex::new(known), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { cache, clock, known, asking }))
    }

    pub(super) fn cache(&self) -> &NamedCache {
        &self.0.cache
    }

    /// What the last answer was.
    pub(super) fn endpoint(&self) -> Option<CacheEndpoint> {
        self.known().endpoint.clone()
    }

    fn is_known(&self) -> bool {
        self.known().endpoint.is_some()
    }

    /// Whether it is a cluster. True while nobody knows: what works in a cluster works on a single
    /// node, with more round trips.
    pub(super) fn is_cluster(&self) -> bool {
        self.known().endpoint.as_ref().is_none_or(|endpoint| endpoint.is_cluster)
    }

    /// Asks, unless the endpoint is known.
    pub(super) async fn prepare(&self) -> Result<(), CloudError> {
        if self.is_known() {
            return Ok(());
        }
        let _asking = self.0.asking.lock().await;
        if self.is_known() {
            return Ok(());
        }
        let now = self.0.clock.now();
        if let Some((at, error)) = &self.known().failed
            && now.since(*at) < FAILURE_COUNTS
        {
            return Err(error.clone());
        }
        self.ask().await
    }

    /// Asks again in the background, after a connection was lost. Until the answer, and if
    /// there is none, the last endpoint counts.
    pub(super) fn note_loss(&self) {
        let now = self.0.clock.now();
        {
            let mut known = self.known();
            let is_recent = known.asked_at.is_some_and(|at| now.since(at) < ASK_EVERY);
            if known.endpoint.is_none() || is_recent {
                return;
            }
            known.asked_at = Some(now);
        }
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = this.ask().await {
                tracing::warn!(error = %ErrorChain(&error), "failed to discover the cache again");
            }
        });
    }

    async fn ask(&self) -> Result<(), CloudError> {
        let NamedCache { cloud, name, .. } = &self.0.cache;
        let asked = tokio::time::timeout(DEADLINE, cloud.cache_endpoint(name)).await;
        let asked = asked.unwrap_or(Err(CloudError {
            service: "ElastiCache",
            operation: "discovery",
            kind: CloudErrorKind::TimedOut,
            code: None,
        }));
        let now = self.0.clock.now();
        let mut known = self.known();
        known.asked_at = Some(now);
        match asked {
            Ok(endpoint) => {
                if known.endpoint.as_ref().is_some_and(|before| *before != endpoint) {
                    tracing::info!("the cache has another endpoint");
                }
                known.endpoint = Some(endpoint);
                known.failed = None;
                Ok(())
            }
            Err(error) => {
                known.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

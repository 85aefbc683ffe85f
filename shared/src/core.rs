//! What every function is made of, built once at the start. Nothing here talks to the
//! network: stores connect with the first request.

use domain::ids::{SessionId, UserId};
use domain::principal::Principal;
use domain::time::Timestamp;
use std::sync::{Arc, OnceLock};
use thiserror::Error;

use crate::after_commit::AfterCommit;
use crate::audit::SecurityEvent;
use crate::cache::session::{Access, CachedSessionState};
use crate::cache::{Cache, CacheError};
use crate::clock::{Clock, Rng};
use crate::config::{ConfigErrors, CoreConfig, EnvReader};
use crate::limits::RateLimitCheck;
use crate::secrets::{SecretErrors, SecretName, Secrets};
use crate::store::{Store, StoreError};
use crate::telemetry::{ErrorChain, Metrics, emf};

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
    /// Tells the relay what a request has queued.
    pub after_commit: AfterCommit,
    pub secrets: Arc<Secrets>,
}

/// What a request by a session may do.
#[derive(Debug)]
pub struct SessionAccess {
    pub is_alive: bool,
    /// Which of its quotas are left, in their order. None if Redis did not tell.
    pub quotas: Option<Vec<bool>>,
}

impl std::ops::Deref for Core {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Core {
    /// The secrets that every core reads.
    pub const SECRETS: &[SecretName] = &[
        SecretName::DatabaseUrl,
        SecretName::DatabasePassword,
        SecretName::RedisUrl,
        SecretName::RedisPassword,
        SecretName::RedisSentinelPassword,
        SecretName::OriginVerifySecret,
    ];

    /// Overwrites the cache entries of ended sessions, so that the very next request is refused.
    /// If Redis does not answer, the entries expire within a minute.
    pub async fn write_tombstones(&self, user: UserId, ended: &[SessionId]) {
        if let Err(error) = self.cache.write_tombstones(user, ended).await {
            tracing::error!(error = %ErrorChain(&error), "failed to write tombstones");
        }
    }

    /// Whether the session behind a verified token is alive: what its cache entry says, else its
    /// row. It counts as no request. If Redis does not answer, the row decides.
    pub async fn is_session_alive(
        &self,
        principal: Principal,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let status = OnceLock::new();
        let check = RateLimitCheck::new(&self.config.limits, now, &[], &status);
        let access = self.check_session(principal, &check, now).await?;
        Ok(access.is_ok_and(|access| access.is_alive))
    }

    /// Counts a request, and checks that the session behind its token is alive: one round trip to
    /// Redis. If Redis has no entry, one to Postgres and a second to Redis. The inner error says that
    /// a limit refuses the request.
    pub async fn check_session(
        &self,
        principal: Principal,
        check: &RateLimitCheck<'_>,
        now: Timestamp,
    ) -> Result<Result<SessionAccess, CacheError>, StoreError> {
        let (user, session) = (principal.user, principal.session);
        let access = match self.cache.check_access(Some((user, session)), check).await {
            Ok(Access { session: CachedSessionState::Unknown, .. }) => {
                if !self.store.is_session_alive(principal, now).await? {
                    return Ok(Ok(SessionAccess { is_alive: false, quotas: None }));
                }
                // A tombstone has the last word.
                self.cache.check_live_access(user, session, check).await
            }
            access => access,
        };
        Ok(match access {
            Ok(Access { session, quotas }) => {
                let is_alive = session == CachedSessionState::Alive;
                Ok(SessionAccess { is_alive, quotas: Some(quotas) })
            }
            Err(limited @ CacheError::Limited { .. }) => Err(limited),
            // The row decides, so that nobody is signed out because Redis is down.
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to read a cached session");
                let is_alive = self.store.is_session_alive(principal, now).await?;
                Ok(SessionAccess { is_alive, quotas: None })
            }
        })
    }

    /// Counts what is entered in the trail of the user with the end of the hour. If Redis does not
    /// answer, it is not counted.
    pub async fn count_hourly(&self, user: UserId, event: SecurityEvent, now: Timestamp) {
        if let Err(error) = self.cache.count_hourly_event(user, event, now).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to count for the trail");
        }
    }

    /// Stores gauges of the whole service: in Redis for `/metrics`, and for CloudWatch.
    pub async fn set_gauges(&self, gauges: &[(&str, i64)], now: Timestamp) {
        emf::write_gauges(&self.config.telemetry, gauges, now);
        if !self.config.http.metrics_enabled {
            return;
        }
        if let Err(error) = self.cache.set_gauges(gauges).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to store gauges");
        }
    }

    /// Reads the configuration and prepares the stores.
    pub fn read(env: &mut EnvReader, clock: Clock) -> Option<Self> {
        let config = CoreConfig::read(env);
        let metrics = Arc::new(Metrics::new(config.http.metrics_enabled));
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
        let after_commit = AfterCommit::read(env, cache.clone(), metrics.clone(), Rng);
        let rng = Rng;
        let parts = Parts { config, clock, rng, store, cache, metrics, after_commit, secrets };
        Some(Self(Arc::new(parts)))
    }
}

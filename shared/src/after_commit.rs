//! What follows a commit that queued events: Redis is told that the outbox is not empty, and the
//! function `relay` is invoked, before the answer. Nothing runs after a function has answered.
//!
//! Whatever fails here is logged and counted. The events are committed: the scheduled relay finds them.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::clock::Rng;
use crate::cloud::{Cloud, InvocationType};
use crate::config::EnvReader;
use crate::store::queued::{Queued, watch};
use crate::telemetry::{ErrorChain, Metrics};

/// What the client waits for at most.
const TIME_LIMIT: Duration = Duration::from_millis(300);
/// What taking back the mark of an invocation may add to it.
const FORGET_LIMIT: Duration = Duration::from_millis(100);
/// The task of the function `relay` that delivers what waits.
pub const RELAY_TASK: &str = r#"{"task":"relay"}"#;

/// Tells the relay. Without `RELAY_FUNCTION` it tells nobody: on a laptop the relay looks each second.
pub struct AfterCommit {
    relay: Option<RelayFunction>,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
    rng: Rng,
}

struct RelayFunction {
    name: String,
    cloud: Arc<dyn Cloud>,
}

/// Names a mark of the outbox.
#[must_use]
pub fn outbox_token(rng: Rng) -> String {
    format!("{:032x}", u128::from_be_bytes(rng.bytes()))
}

impl AfterCommit {
    pub fn read(env: &mut EnvReader, cache: Arc<Cache>, metrics: Arc<Metrics>, rng: Rng) -> Self {
        let (name, cloud) = (env.optional("RELAY_FUNCTION"), env.cloud());
        let relay = name.zip(cloud).map(|(name, cloud)| RelayFunction { name, cloud });
        Self { relay, cache, metrics, rng }
    }

    /// Runs the work of a request. If it queued events, the relay is told, at most once.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        let Some(relay) = &self.relay else { return work.await };
        let (output, queued) = watch(work).await;
        if queued != Queued::Nothing {
            self.tell_in_time(relay, queued).await;
        }
        output
    }

    /// Has the relay look at the outbox, whatever waits there.
    pub async fn invoke_relay(&self) {
        if let Some(relay) = &self.relay {
            self.tell_in_time(relay, Queued::Events).await;
        }
    }

    async fn tell_in_time(&self, relay: &RelayFunction, queued: Queued) {
        let token = outbox_token(self.rng);
        let told = tokio::time::timeout(TIME_LIMIT, self.tell(relay, queued, &token)).await;
        if told.is_err() {
            tracing::warn!("failed to invoke the relay in time");
            self.metrics.count("auth_relay_invocation_failures_total");
            // It may not have been invoked. Else the commits of the next seconds invoke nobody either.
            let forgotten = self.forget_invocation(&token);
            let _ = tokio::time::timeout(FORGET_LIMIT, forgotten).await;
        }
    }

    async fn tell(&self, relay: &RelayFunction, queued: Queued, token: &str) {
        let is_first = match self.cache.mark_outbox(token).await {
            Ok(is_first) => is_first,
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to mark the outbox");
                true
            }
        };
        // A relay that was invoked a moment ago and has not begun sees these events, too.
        if queued != Queued::Events || !is_first {
            return;
        }
        let payload = RELAY_TASK.as_bytes().to_vec();
        match relay.cloud.invoke(&relay.name, payload, InvocationType::Event).await {
            Ok(_) => self.metrics.count("auth_relay_invocations_total"),
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to invoke the relay");
                self.metrics.count("auth_relay_invocation_failures_total");
                self.forget_invocation(token).await;
            }
        }
    }

    async fn forget_invocation(&self, token: &str) {
        if let Err(error) = self.cache.forget_invocation(token).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to unmark an invocation");
        }
    }
}

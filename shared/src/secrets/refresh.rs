//! Secrets of the cloud are loaded again while a request runs. Nothing runs after a Lambda has
//! answered, and no request waits for a secret that it does not need yet.

use std::pin::pin;
use std::time::Duration;

use super::loader::Secrets;
use crate::clock::Clock;
use crate::telemetry::Metrics;

/// A request that finds older secrets waits, after its own work, until they are loaded.
pub const REFRESH_BY: Duration = Duration::from_mins(10);
/// No answer waits longer.
const FINISH_LIMIT: Duration = Duration::from_millis(500);

const FAILURES: &str = "auth_secret_refresh_failures_total";

/// What one request loads beside its work.
struct Due {
    ids: Vec<String>,
    /// Whether its answer waits for it.
    is_overdue: bool,
}

impl Secrets {
    /// Does the work, and beside it loads the secrets whose time has come. An error leaves the
    /// values before in use.
    pub async fn refresh_beside<F: Future>(&self, metrics: Option<&Metrics>, work: F) -> F::Output {
        let Some(Due { ids, is_overdue }) = self.take_due() else { return work.await };
        let mut work = pin!(work);
        let mut refresh = Box::pin(self.refresh(ids, metrics));
        let output = tokio::select! {
            biased;
            output = &mut work => Some(output),
            () = &mut refresh => None,
        };
        let Some(output) = output else { return work.await };
        // What is not finished is dropped, and begins anew with a later request.
        if is_overdue && tokio::time::timeout(FINISH_LIMIT, refresh).await.is_err() {
            count_failures(metrics, 1);
            tracing::warn!("secrets were not refreshed in time");
        }
        output
    }

    /// The secrets whose time has come. Whoever gets them loads them: nobody else gets them before
    /// the time of the next try.
    fn take_due(&self) -> Option<Due> {
        let mut stored = self.stored();
        if stored.is_empty() {
            return None;
        }
        let now = self.clock().map(Clock::now)?;
        let mut due = Due { ids: Vec::new(), is_overdue: false };
        for (id, stored) in stored.iter_mut().filter(|(_, one)| one.schedule.is_due(now)) {
            stored.schedule.tried_at = Some(now);
            due.is_overdue |= stored.schedule.is_older_than(REFRESH_BY, now);
            due.ids.push(id.clone());
        }
        (!due.ids.is_empty()).then_some(due)
    }

    async fn refresh(&self, ids: Vec<String>, metrics: Option<&Metrics>) {
        let mut missing = ids.len();
        let arrived = |id: String, text| {
            missing -= 1;
            match text {
                Ok(text) => {
                    if self.keep(&id, text) {
                        let live = self.live_of(&id).into_iter();
                        let failed = live.filter(|live| self.replace(&**live).is_err()).count();
                        count_failures(metrics, failed);
                    }
                }
                Err(error) => {
                    count_failures(metrics, 1);
                    tracing::warn!(secret = id, %error, "failed to refresh a secret");
                }
            }
        };
        self.fetch(ids, arrived).await;
        if missing > 0 {
            count_failures(metrics, missing);
            tracing::warn!(missing, "secrets did not arrive");
        }
    }
}

fn count_failures(metrics: Option<&Metrics>, failures: usize) {
    if let Some(metrics) = metrics {
        metrics.count_many(FAILURES, failures);
    }
}

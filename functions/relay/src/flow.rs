//! One invocation.

use lambda_runtime::Error;
use shared::after_commit::outbox_token;
use shared::cache::relay::OutboxMark;
use shared::relay::hourly::{self, enter_hourly_events};
use shared::relay::roots::publish_root;
use shared::relay::security_log::{UserId, verify_log};
use shared::telemetry::ErrorChain;
use std::time::{Duration, Instant};
use thiserror::Error as ThisError;

use crate::events::{LogVerified, RelayAnswer, RelayEvent, RelayReport, Task};
use crate::state::RelayState;

/// Between two tries of what has failed.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
enum Refused {
    #[error("the event asks for no task of this function")]
    UnknownTask,
    #[error("no append-only log is configured")]
    NoLog,
    /// Everything else was done.
    #[error("the outbox was delivered, and a part behind it failed")]
    PartFailed,
}

/// Does what the event asks for. A failure fails the invocation: Lambda repeats those that a commit
/// caused, and the next schedule repeats its own.
pub async fn handle(state: RelayState, event: RelayEvent) -> Result<RelayAnswer, Error> {
    match event.task().ok_or(Refused::UnknownTask)? {
        Task::Relay => {
            let mark = begin(&state).await;
            Ok(RelayAnswer::Relayed(relay(&state, &mark).await?))
        }
        Task::Scheduled => Ok(RelayAnswer::Relayed(scheduled(&state).await?)),
        Task::VerifyLog(user) => {
            let log = state.log.as_deref().ok_or(Refused::NoLog)?;
            let (held, walked) = verify_log(log, UserId::from_uuid(user)).await?;
            let fault = walked.err().map(|fault| fault.to_string());
            Ok(RelayAnswer::LogVerified(LogVerified { held, fault }))
        }
    }
}

/// What Redis knows. Without an answer the outbox is looked at.
async fn begin(state: &RelayState) -> OutboxMark {
    match state.core.cache.begin_relay().await {
        Ok(mark) => mark,
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "failed to read the mark of the outbox");
            OutboxMark::default()
        }
    }
}

async fn scheduled(state: &RelayState) -> Result<RelayReport, Error> {
    let (core, now) = (&state.core, state.core.clock.now());
    let mark = begin(state).await;
    let counts = core.cache.take_hourly_counts(now).await;
    // Relays after commits may have delivered everything, and the root of the hour is still due.
    let has_root = state.roots.is_none() || mark.unrooted.is_none();
    let is_idle = mark.is_looked_at && mark.token.is_none() && has_root;
    let has_counts = !counts.is_ok_and(|counts| counts.is_empty());
    if is_idle && !has_counts {
        return Ok(RelayReport { skipped: true, ..RelayReport::default() });
    }
    core.store.wait_until_ready(state.resume_limit).await?;
    // Else a run that is killed behind the entries leaves them without a mark.
    let needs_mark = has_counts && mark.token.is_none();
    let mark = if needs_mark { mark_outbox(state, mark).await } else { mark };
    let (mut hourly, mut has_failed) = (0, false);
    match enter_hourly_events(core, now, hourly::TIME_LIMIT).await {
        Ok(entered) => hourly = entered,
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "failed to enter hourly events");
            has_failed = true;
        }
    }
    let relayed = relay(state, &mark).await?;
    let mut root = false;
    if let Some(roots) = state.roots.as_deref() {
        match publish_root(&core.store, roots, now).await {
            Ok(is_new) => {
                root = is_new;
                // One that stood there already does not hold what came since.
                if is_new {
                    note_root(state, &mark).await;
                }
            }
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "failed to publish the audit root");
                core.metrics.count("auth_audit_root_failures_total");
                has_failed = true;
            }
        }
    }
    if has_failed {
        return Err(Refused::PartFailed.into());
    }
    Ok(RelayReport { hourly, root, ..relayed })
}

async fn mark_outbox(state: &RelayState, mark: OutboxMark) -> OutboxMark {
    let token = outbox_token(state.core.rng);
    match state.core.cache.mark_entries(&token).await {
        Ok(()) => OutboxMark { token: Some(token.clone()), unrooted: Some(token), ..mark },
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "failed to mark the outbox");
            mark
        }
    }
}

async fn note_root(state: &RelayState, mark: &OutboxMark) {
    let Some(unrooted) = mark.unrooted.as_deref() else { return };
    let (cache, now) = (&state.core.cache, state.core.clock.now());
    if let Err(error) = cache.note_root(unrooted, now).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to note the root of the audit chains");
    }
}

/// Delivers what waits, and goes on with what failed for as long as an invocation may take.
async fn relay(state: &RelayState, mark: &OutboxMark) -> Result<RelayReport, Error> {
    let (core, began) = (&state.core, Instant::now());
    let mut report = RelayReport::default();
    loop {
        let relayed = state.relay.run_for(state.time_limit.saturating_sub(began.elapsed())).await?;
        report.delivered += relayed.delivered;
        report.failed += relayed.failed;
        report.dead += relayed.dead;
        // Without a failure of this invocation there is nothing to try again.
        if report.failed == 0 || began.elapsed() + BETWEEN_TRIES >= state.time_limit {
            break;
        }
        let is_empty = core.store.outbox_stats().await?.oldest.is_none();
        if is_empty {
            break;
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    let now = core.clock.now();
    let is_empty = state.relay.measure(now).await?.oldest.is_none();
    let empty = if is_empty { mark.token.as_deref() } else { None };
    if let Err(error) = core.cache.note_look(empty, now).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to note the look at the outbox");
    }
    Ok(report)
}

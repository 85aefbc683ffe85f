//! Tells the sender of a code that the code arrived: conversion, by which a provider finds fraud.
//!
//! The report runs in a task of its own. The answer to the client waits a moment for it, because a
//! sandbox stands still once it has answered. What is not done by then goes on with the next request.

use shared::sender::Receipt;
use shared::telemetry::ErrorChain;
use std::time::Duration;
use tracing::Instrument as _;

use crate::state::VerifyState;

/// The answer waits no longer than this. A report takes about 20 ms.
const WAIT: Duration = Duration::from_millis(150);
/// A report that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(2);

/// Reports a right code to its sender. Nothing that goes wrong here reaches the client.
pub(crate) async fn report_received(state: &VerifyState, receipt: Receipt) {
    let (sms, metrics) = (state.sms.clone(), state.core.metrics.clone());
    let report = async move {
        let reported = tokio::time::timeout(LIMIT, sms.senders.report_received(&receipt)).await;
        let outcome = match reported {
            Ok(Ok(())) => "reported",
            Ok(Err(error)) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to report a right code to its sender");
                "failed"
            }
            Err(_) => {
                tracing::warn!("a report of a right code to its sender timed out");
                "timed_out"
            }
        };
        metrics.count(&format!(r#"auth_codes_feedback_total{{outcome="{outcome}"}}"#));
    };
    let task = tokio::spawn(report.in_current_span());
    // Beyond this time, the task goes on by itself.
    let _ = tokio::time::timeout(WAIT, task).await;
}

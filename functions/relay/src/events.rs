//! What the function is invoked with, and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::relay::security_log::HeldEntries;
use uuid::Uuid;

/// An event as it comes: a task, or the event of a schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayEvent {
    #[serde(default)]
    pub task: Option<String>,
    /// Of the task `verify_log`.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// `aws.events` and `aws.scheduler`: a schedule without an input of its own.
    #[serde(default)]
    pub source: Option<String>,
    /// Of a gateway: this function has none.
    #[serde(default)]
    pub request_context: Option<Value>,
}

/// What an event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Relay,
    Scheduled,
    VerifyLog(Uuid),
}

impl RelayEvent {
    /// None: the event asks for nothing that this function does.
    pub fn task(&self) -> Option<Task> {
        if self.request_context.is_some() {
            return None;
        }
        match (self.task.as_deref(), self.source.as_deref()) {
            (Some("relay"), _) => Some(Task::Relay),
            (Some("scheduled"), _) | (None, Some("aws.events" | "aws.scheduler")) => {
                Some(Task::Scheduled)
            }
            (Some("verify_log"), _) => self.user_id.map(Task::VerifyLog),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RelayAnswer {
    Relayed(RelayReport),
    LogVerified(LogVerified),
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayReport {
    /// Nothing has happened: the database was left alone.
    pub skipped: bool,
    pub delivered: usize,
    /// Tries that failed. These events are tried again.
    pub failed: usize,
    pub dead: usize,
    /// Counts of hours that were entered in the trail.
    pub hourly: usize,
    /// Whether this run published the root of the hour.
    pub root: bool,
}

/// How far a user's chain holds in the append-only log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogVerified {
    /// The entries that hold: `startsAt` and `seq`.
    #[serde(flatten)]
    pub held: HeldEntries,
    /// What is wrong behind them.
    pub fault: Option<String>,
}

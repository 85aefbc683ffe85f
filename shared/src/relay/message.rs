//! An event as other functions get it, and the task by which the relay asks `verify` for a notice.

use domain::ids::UserId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::sinks::{Event, SinkError};

/// What `USER_SERVICE_FUNCTION` is invoked with. It may come more than once, always with this id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMessage {
    pub id: Uuid,
    /// `user.registered`, for example.
    pub topic: String,
    pub user_id: Uuid,
    /// Grows with each event of a user. Other users' events have numbers in between.
    pub seq: i64,
    /// In milliseconds since 1970.
    pub occurred_at: i64,
    /// By topic.
    pub data: Value,
}

impl From<&Event> for EventMessage {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            topic: event.topic.clone(),
            user_id: *event.user.as_uuid(),
            seq: event.seq,
            occurred_at: event.created_at.millis(),
            data: event.payload.clone(),
        }
    }
}

impl From<EventMessage> for Event {
    fn from(message: EventMessage) -> Self {
        Self {
            id: message.id,
            seq: message.seq,
            user: UserId::from_uuid(message.user_id),
            topic: message.topic,
            payload: message.data,
            created_at: Timestamp::from_millis(message.occurred_at),
        }
    }
}

/// The task `send_notice` of `verify`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoticeTask {
    pub task: String,
    pub event: EventMessage,
}

impl NoticeTask {
    #[must_use]
    pub fn new(event: &Event) -> Self {
        Self { task: "send_notice".to_owned(), event: event.into() }
    }

    /// What the text of an error says could hold a number.
    pub fn deserialize_from(task: Value) -> Result<Self, SinkError> {
        serde_json::from_value(task).map_err(|_| SinkError::Malformed("no event in the task"))
    }
}

/// What a task answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskOutcome {
    Done,
    /// Another try cannot succeed.
    Refused(String),
}

impl TaskOutcome {
    #[must_use]
    pub fn refused(error: &SinkError) -> Self {
        Self::Refused(error.to_string())
    }

    /// What was answered. `None`: it is no answer to a task, as of a function that does not have it.
    #[must_use]
    pub fn read(answer: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        match (answer["refused"].as_str(), answer["done"].as_bool()) {
            (Some(reason), _) => Some(Self::Refused(reason.to_owned())),
            (None, Some(true)) => Some(Self::Done),
            _ => None,
        }
    }
}

impl From<TaskOutcome> for Value {
    fn from(outcome: TaskOutcome) -> Self {
        match outcome {
            TaskOutcome::Done => json!({ "done": true }),
            TaskOutcome::Refused(reason) => json!({ "refused": reason }),
        }
    }
}

//! Tasks of this function: what the relay asks of it by a direct invocation.

use shared::lambda::{DirectTasks, TaskFuture};
use shared::relay::message::{NoticeTask, TaskOutcome};
use shared::relay::sinks::EventSink as _;

use crate::notices::PhoneNotices;
use crate::state::VerifyState;

pub const TASKS: DirectTasks<VerifyState> = DirectTasks::new(&[("send_notice", send_notice)]);

/// A notice that can never be sent is an answer. One that may be sent later fails the invocation.
fn send_notice(state: VerifyState, task: serde_json::Value) -> TaskFuture {
    Box::pin(async move {
        let task = NoticeTask::deserialize_from(task)?;
        let outcome = match PhoneNotices(state).deliver(&task.event.into()).await {
            Ok(()) => TaskOutcome::Done,
            Err(error) if error.is_final() => TaskOutcome::refused(&error),
            Err(error) => return Err(error.into()),
        };
        Ok(outcome.into())
    })
}

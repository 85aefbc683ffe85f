//! Sinks of other functions and services: the user-service, the function that sends SMS, the stream of
//! registrations in Redis.

use std::sync::Arc;

use super::message::{EventMessage, NoticeTask, TaskOutcome};
use super::sinks::{Delivering, Event, EventLog, EventSink, SinkError};
use crate::cloud::{Cloud, InvocationType};
use crate::core::Core;

/// A function that takes events: `USER_SERVICE_FUNCTION`. It answers when it has taken one, and fails
/// when it has not.
pub struct EventFunction {
    pub cloud: Arc<dyn Cloud>,
    pub name: String,
}

impl EventSink for EventFunction {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        Box::pin(async move {
            let payload = serde_json::to_vec(&EventMessage::from(event));
            let payload = payload.map_err(|_| SinkError::Malformed("the event is no JSON"))?;
            self.cloud.invoke(&self.name, payload, InvocationType::RequestResponse).await?;
            Ok(())
        })
    }
}

/// Notices: those to a number go to `VERIFY_FUNCTION`, which has the senders. Those to devices go where
/// all events of other services go.
pub struct NoticeFunction {
    pub cloud: Arc<dyn Cloud>,
    pub name: String,
    pub to_devices: Arc<dyn EventSink>,
}

impl EventSink for NoticeFunction {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        if event.payload["to"] != "phone" {
            return self.to_devices.deliver(event);
        }
        Box::pin(async move {
            let payload = serde_json::to_vec(&NoticeTask::new(event));
            let payload = payload.map_err(|_| SinkError::Malformed("the event is no JSON"))?;
            let invocation = InvocationType::RequestResponse;
            let answer = self.cloud.invoke(&self.name, payload, invocation).await?;
            match TaskOutcome::read(&answer) {
                Some(TaskOutcome::Done) => Ok(()),
                // Its reason is in the log of that function.
                Some(TaskOutcome::Refused(_)) => {
                    Err(SinkError::Malformed("the function refused it"))
                }
                None => Err(SinkError::Unavailable("the function answered no notice")),
            }
        })
    }
}

/// Notices where no function sends them: those to devices go on, those to a number only reach the log.
pub struct NoticesToDevices(pub Arc<dyn EventSink>);

impl EventSink for NoticesToDevices {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        if event.payload["to"] == "phone" { EventLog.deliver(event) } else { self.0.deliver(event) }
    }
}

/// Registrations also go to a stream in Redis (`EVENTS_REDIS_STREAM`), once the service has them.
pub struct RegistrationStream {
    pub core: Core,
    pub before: Arc<dyn EventSink>,
}

impl EventSink for RegistrationStream {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        Box::pin(async move {
            self.before.deliver(event).await?;
            if event.topic != "user.registered" {
                return Ok(());
            }
            let phone = event.payload["phoneNumber"].as_str();
            let phone = phone.ok_or(SinkError::Malformed("no number"))?;
            let at = event.payload["timestamp"].as_i64().unwrap_or(event.created_at.millis());
            let (user, now) = (event.user.to_string(), self.core.clock.now());
            self.core.cache.add_registration(&user, phone, at, now).await?;
            Ok(())
        })
    }
}

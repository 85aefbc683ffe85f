//! Notices to a phone: the events `security.notice` of the outbox that are for a number, by the same
//! senders as codes.

use domain::phone::PhoneNumber;
use secrecy::SecretString;
use shared::relay::sinks::{Delivering, Event, EventLog, EventSink, SinkError};
use shared::sender::Message;
use shared::sender::text::{Language, Notice};
use std::time::Duration;

use crate::state::VerifyState;

/// What a sender may take for a notice, for which nobody waits.
const TIME_TO_SEND: Duration = Duration::from_secs(5);

/// Sends notices to numbers. Those to devices are left to the log: other services tell devices.
pub struct PhoneNotices(pub VerifyState);

impl EventSink for PhoneNotices {
    fn deliver<'a>(&'a self, event: &'a Event) -> Delivering<'a> {
        if event.payload["to"] != "phone" {
            return EventLog.deliver(event);
        }
        Box::pin(self.send(event))
    }
}

impl PhoneNotices {
    async fn send(&self, event: &Event) -> Result<(), SinkError> {
        let VerifyState { core, sms, .. } = &self.0;
        let text = |name: &str| event.payload[name].as_str().unwrap_or_default().to_owned();
        let notice = Notice::parse(&text("notice")).ok_or(SinkError::Malformed("no notice"))?;
        let to = PhoneNumber::from_stored(text("phoneNumber"));
        let to = to.map_err(|_| SinkError::Malformed("no number"))?;
        if sms.test_code(&to).is_some() {
            return Ok(());
        }
        let message = Message {
            // The same each time: a sender that knows ids sends it once.
            id: event.id,
            to,
            body: SecretString::from(notice.text(&sms.message)),
            code: None,
            // Nobody asks for it in a language.
            language: Language::default(),
            at: core.clock.now(),
        };
        let sent = sms.senders.send(&message, TIME_TO_SEND).await;
        let counter = match sent.result {
            Ok(_) => "auth_notices_sent_total",
            Err(_) => "auth_notices_failed_total",
        };
        core.metrics.count(counter);
        // What timed out may have been sent: it is not sent again.
        sent.result.map(drop).map_err(|_| SinkError::Unavailable("no sender took the notice"))
    }
}

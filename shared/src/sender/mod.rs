//! How a code reaches a phone: the trait that every provider implements, and the choice of
//! a first sender with a fallback. Providers are in the crates that link their clients.

pub mod inbox;
pub mod text;

use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use secrecy::SecretString;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};
use thiserror::Error;

/// A message to send. Its body holds the code.
#[derive(Debug)]
pub struct Message {
    pub to: PhoneNumber,
    pub body: SecretString,
    pub code: SecretString,
    pub at: Timestamp,
}

/// Why a message was not sent. A provider's own text may hold the number, so only the kind
/// of failure is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    #[error("the sender {0} cannot be reached")]
    Unreachable(&'static str),
    #[error("the sender {0} refused with status {1}")]
    Refused(&'static str, u16),
    /// The message may have been sent all the same.
    #[error("the sender {0} timed out")]
    TimedOut(&'static str),
    /// Look-ups before took so long that no sender was asked.
    #[error("no time was left to send")]
    NoTimeLeft,
}

/// What is known of a message that was handed to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Accepted,
    /// No sender answered in time. The message may be on its way.
    Unknown,
}

/// A sender answers within this.
const SENDER_LIMIT: Duration = Duration::from_secs(2);
/// With less time than this, no sender is asked.
const LEAST_TIME: Duration = Duration::from_millis(250);

pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + 'a>>;

/// A way to a phone.
pub trait CodeSender: Send + Sync {
    fn name(&self) -> &'static str;
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// The configured senders.
pub struct Senders {
    first: Box<dyn CodeSender>,
    fallback: Option<Box<dyn CodeSender>>,
}

impl Senders {
    #[must_use]
    pub fn new(first: Box<dyn CodeSender>, fallback: Option<Box<dyn CodeSender>>) -> Self {
        Self { first, fallback }
    }

    /// Sends by the first sender, else once by the fallback, within the time that is left. A
    /// time-out is no failure: the message may have been sent.
    pub async fn send(
        &self,
        message: &Message,
        time_left: Duration,
    ) -> Result<Delivery, SendError> {
        let started = Instant::now();
        let Err(error) = ask(&*self.first, message, time_left).await else {
            return Ok(Delivery::Accepted);
        };
        let unknown = matches!(error, SendError::TimedOut(_));
        let result = match &self.fallback {
            None => Err(error),
            Some(fallback) => {
                tracing::warn!(error = %error, fallback = fallback.name(), "failed to send, trying the fallback");
                ask(&**fallback, message, time_left.saturating_sub(started.elapsed())).await
            }
        };
        match result {
            Ok(()) => Ok(Delivery::Accepted),
            Err(SendError::TimedOut(_)) => Ok(Delivery::Unknown),
            Err(_) if unknown => Ok(Delivery::Unknown),
            Err(error) => Err(error),
        }
    }
}

async fn ask(
    sender: &dyn CodeSender,
    message: &Message,
    time_left: Duration,
) -> Result<(), SendError> {
    if time_left < LEAST_TIME {
        return Err(SendError::NoTimeLeft);
    }
    let sending = tokio::time::timeout(SENDER_LIMIT.min(time_left), sender.send(message));
    sending.await.unwrap_or(Err(SendError::TimedOut(sender.name())))
}

//! How a code reaches a phone: the trait that every provider implements, and the choice of
//! a first sender with a fallback. Providers are in the crates that link their clients.

pub mod inbox;
pub mod text;

use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use secrecy::SecretString;
use std::future::Future;
use std::pin::Pin;
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
}

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

    /// Sends by the first sender, else once by the fallback.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let Err(error) = self.first.send(message).await else { return Ok(()) };
        let Some(fallback) = &self.fallback else { return Err(error) };
        tracing::warn!(error = %error, fallback = fallback.name(), "failed to send, trying the fallback");
        fallback.send(message).await
    }
}

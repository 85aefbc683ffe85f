//! How a code reaches a phone: one sender, and one that is tried once when it fails.

pub mod captcha;
mod inbox;
pub mod text;
mod twilio;
mod vonage;

use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use secrecy::SecretString;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use thiserror::Error;

use crate::cache::Cache;
use crate::config::{Config, SenderConfig};

/// A message on its way. Its body holds the code.
#[derive(Debug)]
pub struct Message {
    pub to: PhoneNumber,
    pub body: SecretString,
    pub code: SecretString,
    pub at: Timestamp,
}

/// Why a message did not go. Providers' own words may hold the number: only what kind of
/// failure it was is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    #[error("this function has no sender")]
    Missing,
    #[error("the sender {0} cannot be reached")]
    Unreachable(&'static str),
    #[error("the sender {0} refused with status {1}")]
    Refused(&'static str, u16),
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + 'a>>;

/// A way to a phone, chosen by `SMS_SENDER`.
pub trait CodeSender: Send + Sync {
    fn name(&self) -> &'static str;
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// The configured senders.
pub struct Senders {
    /// None in a function that never sends.
    first: Option<Box<dyn CodeSender>>,
    fallback: Option<Box<dyn CodeSender>>,
}

/// A provider answers within this: a request as a whole has five seconds, and the fallback
/// wants some of them.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A client for a provider's HTTP API, made with the first request: its certificates are
/// not loaded by those who never send.
#[derive(Default)]
struct HttpClient(OnceLock<Option<reqwest::Client>>);

impl HttpClient {
    fn get(&self) -> Option<&reqwest::Client> {
        let make = || {
            // Number and code are for the configured address alone.
            let elsewhere = reqwest::redirect::Policy::none();
            reqwest::Client::builder().timeout(TIMEOUT).redirect(elsewhere).build().ok()
        };
        self.0.get_or_init(make).as_ref()
    }
}

fn build(config: &SenderConfig, cache: &Arc<Cache>) -> Box<dyn CodeSender> {
    match config {
        SenderConfig::Inbox => Box::new(inbox::Inbox::new(cache.clone())),
        SenderConfig::Twilio(twilio) => Box::new(twilio::Twilio::new(twilio.clone())),
        SenderConfig::Vonage(vonage) => Box::new(vonage::Vonage::new(vonage.clone())),
    }
}

impl Senders {
    pub fn new(config: &Config, cache: &Arc<Cache>) -> Self {
        Self {
            first: config.sender.as_ref().map(|c| build(c, cache)),
            fallback: config.sender_fallback.as_ref().map(|c| build(c, cache)),
        }
    }

    /// Sends by the first sender, else once by the fallback.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let first = self.first.as_ref().ok_or(SendError::Missing)?;
        let Err(error) = first.send(message).await else { return Ok(()) };
        let Some(fallback) = &self.fallback else { return Err(error) };
        tracing::warn!(error = %error, fallback = fallback.name(), "trying the fallback sender");
        fallback.send(message).await
    }
}

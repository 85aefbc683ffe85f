//! How a code reaches a phone: the trait that every provider implements, the choice of one by the
//! number's country, and a fallback. Providers are in the crates that link their clients.

pub mod cloud;
pub mod inbox;
mod receipt;
pub mod text;

use domain::phone::PhoneNumber;
use domain::time::Timestamp;
use secrecy::SecretString;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use uuid::Uuid;

pub use receipt::Receipt;
use text::Language;

/// A message to send. Its body holds the code, if it is one with a code.
#[derive(Debug)]
pub struct Message {
    /// The same however often and by however many senders the message is tried.
    pub id: Uuid,
    pub to: PhoneNumber,
    pub body: SecretString,
    /// None in a notice.
    pub code: Option<SecretString>,
    pub language: Language,
    pub at: Timestamp,
}

/// Why a sender is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the one for this number.
    First,
    /// The first one failed.
    Fallback,
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
    /// The connection was lost after the request left. The message may have been sent all the same.
    #[error("the connection to the sender {0} was lost")]
    Interrupted(&'static str),
    /// Look-ups before took so long that no sender was asked.
    #[error("no time was left to send")]
    NoTimeLeft,
}

impl SendError {
    const fn may_be_sent(self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::Interrupted(_))
    }
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

/// Gives the provider's id of the message, if the provider wants to know whether it arrives.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Option<String>, SendError>> + Send + 'a>>;
pub type Reporting<'a> = Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + 'a>>;

/// A way to a phone.
pub trait CodeSender: Send + Sync {
    fn name(&self) -> &'static str;
    fn send<'a>(&'a self, message: &'a Message, role: Role) -> Sending<'a>;

    /// Tells the provider that a message has arrived. May be repeated.
    fn report_received<'a>(&'a self, _message_id: &'a str) -> Reporting<'a> {
        Box::pin(async { Ok(()) })
    }
}

/// Whether a route can be for this: a region that numbers have (ISO 3166-1 alpha-2).
#[must_use]
pub fn is_region(text: &str) -> bool {
    PhoneNumber::is_region(text)
}

/// The configured senders.
pub struct Senders {
    /// For every country without a route of its own.
    default: Arc<dyn CodeSender>,
    /// By the number's region (ISO 3166-1 alpha-2).
    routes: HashMap<String, Arc<dyn CodeSender>>,
    fallback: Option<Arc<dyn CodeSender>>,
}

/// The name of the route of all other regions.
const ALL_OTHERS: &str = "*";

/// The sender of a message, and the name of the choice in metrics.
struct Route<'a> {
    /// A region that has a route, or `*`.
    name: &'a str,
    sender: &'a dyn CodeSender,
}

/// How a message left.
#[derive(Debug)]
pub struct Sent<'a> {
    pub route: &'a str,
    /// The sender that was asked last.
    pub sender: &'static str,
    pub result: Result<Delivery, SendError>,
    /// To be kept until the code is confirmed, if the sender wants to know of that.
    pub receipt: Option<Receipt>,
}

impl Senders {
    #[must_use]
    pub fn new(
        default: Arc<dyn CodeSender>,
        routes: HashMap<String, Arc<dyn CodeSender>>,
        fallback: Option<Arc<dyn CodeSender>>,
    ) -> Self {
        Self { default, routes, fallback }
    }

    fn route(&self, phone: &PhoneNumber) -> Route<'_> {
        // The region of a number is not looked up where it decides nothing.
        let region = if self.routes.is_empty() { String::new() } else { phone.region() };
        match self.routes.get_key_value(&region) {
            Some((name, sender)) => Route { name, sender: &**sender },
            None => Route { name: ALL_OTHERS, sender: &*self.default },
        }
    }

    /// The name in metrics of the route that numbers of this region have.
    #[must_use]
    pub fn route_name(&self, region: &str) -> &str {
        self.routes.get_key_value(region).map_or(ALL_OTHERS, |(name, _)| name)
    }

    /// Sends by the sender of the number's route, else once by the fallback, within the time that
    /// is left. A time-out is no failure: the message may have been sent.
    pub async fn send(&self, message: &Message, time_left: Duration) -> Sent<'_> {
        let started = Instant::now();
        let Route { name: route, sender } = self.route(&message.to);
        let error = match ask(sender, message, Role::First, time_left).await {
            Ok(receipt) => {
                let result = Ok(Delivery::Accepted);
                return Sent { route, sender: sender.name(), result, receipt };
            }
            Err(error) => error,
        };
        let unknown = error.may_be_sent();
        let (sender, result) = match &self.fallback {
            None => (sender.name(), Err(error)),
            Some(fallback) => {
                tracing::warn!(error = %error, fallback = fallback.name(), "failed to send, trying the fallback");
                let time_left = time_left.saturating_sub(started.elapsed());
                (fallback.name(), ask(&**fallback, message, Role::Fallback, time_left).await)
            }
        };
        let (result, receipt) = match result {
            Ok(receipt) => (Ok(Delivery::Accepted), receipt),
            Err(error) if unknown || error.may_be_sent() => (Ok(Delivery::Unknown), None),
            Err(error) => (Err(error), None),
        };
        Sent { route, sender, result, receipt }
    }

    /// Tells the sender of a message that it has arrived.
    pub async fn report_received(&self, receipt: &Receipt) -> Result<(), SendError> {
        let others = self.routes.values().chain(&self.fallback);
        let sender = std::iter::once(&self.default).chain(others);
        // A sender that is no longer configured wants to know nothing.
        match sender.into_iter().find(|sender| sender.name() == receipt.sender) {
            Some(sender) => sender.report_received(&receipt.message_id).await,
            None => Ok(()),
        }
    }
}

async fn ask(
    sender: &dyn CodeSender,
    message: &Message,
    role: Role,
    time_left: Duration,
) -> Result<Option<Receipt>, SendError> {
    if time_left < LEAST_TIME {
        return Err(SendError::NoTimeLeft);
    }
    let sending = tokio::time::timeout(SENDER_LIMIT.min(time_left), sender.send(message, role));
    let message_id = sending.await.unwrap_or(Err(SendError::TimedOut(sender.name())))?;
    Ok(message_id.and_then(|id| Receipt::new(sender.name(), &id)))
}

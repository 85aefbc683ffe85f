//! Services over HTTP that `verify` calls: SMS providers, and the captcha that is asked
//! before an SMS is paid for. Linked by `verify` and the local service only.
//!
//! | file | what it is |
//! |---|---|
//! | [`senders`] | the senders that `SMS_SENDER` and `SMS_FALLBACK` name |
//! | `twilio`, `vonage` | one provider each |
//! | [`captcha`] | the captcha service |
//! | `http_client` | the client that all of them use |

pub mod captcha;
mod http_client;
pub mod senders;
mod twilio;
mod vonage;

pub use captcha::CaptchaVerifier;
pub use senders::read_senders;

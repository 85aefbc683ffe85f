//! Services over HTTP that `verify` calls: SMS providers, and the captcha that is asked
//! before an SMS is paid for. Linked by `verify` and the local service only.
//!
//! | file | what it is |
//! |---|---|
//! | [`senders`] | the senders that `SMS_SENDER` and `SMS_FALLBACK` name |
//! | `twilio`, `vonage` | one provider each |
//! | `hook` | the operator's own sender |
//! | [`captcha`] | the captcha service |
//! | `outbound` | the client that all of them use, and the addresses that it asks |

pub mod captcha;
mod hook;
mod outbound;
pub mod senders;
mod twilio;
mod vonage;

pub use captcha::CaptchaVerifier;
pub use senders::read_senders;

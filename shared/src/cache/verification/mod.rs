//! `verification:{slot}:{id}`: one phone number that is being verified. Each step is one
//! script, with a Rust file that gives it its arguments and reads its reply.
//!
//! | step | files |
//! |---|---|
//! | start | `start.rs`, `start.lua` |
//! | read | `read.rs` |
//! | resend | `resend.rs`, `resend.lua` |
//! | keep what the sender gave for a code | `receipt.rs`, `keep_receipt.lua` |
//! | confirm | `confirm.rs`, `confirm.lua`, with the history of a number in `code_history.lua` |
//! | find the digests under the pepper of a record, in resend and confirm | `digests.lua` |
//! | accept the code of a repeated request | `repeat.rs`, `remember_request.lua`, `accept_code.lua` |
//! | discard all of them | `discard.rs` |
//! | withdraw a code that was not sent | `withdraw.rs`, `withdraw.lua` |
//!
//! Phone number, code and device are stored as keyed digests or encrypted. The id names the
//! slot of the number, so that all keys of a number are on one node.

mod confirm;
mod discard;
mod read;
mod receipt;
pub(super) mod record;
mod repeat;
mod resend;
mod start;
mod tier;
mod withdraw;

pub use super::sms_budgets::SmsSource;
pub use confirm::{CodeAttempt, ConfirmOutcome};
pub use read::Verification;
pub use record::{Progress, ShownDigests};
pub use resend::{CodeResend, ResendOutcome, Resent};
pub use start::{NewVerification, StartOutcome};
pub use tier::{RateLimitTier, SmsTarget};

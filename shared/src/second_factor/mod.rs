//! Checks codes of the second factor, for every route that takes one: an attempt is counted, the
//! code compared, and what became of it told. A right code is not spent yet: the transaction that it
//! allows does that.
//!
//! | file | what it does |
//! |---|---|
//! | [`check`] | [`SecondFactor`]: the steps above |
//! | [`totp`] | codes of an authenticator app, and its secrets |
//! | [`backup_codes`] | makes backup codes, and compares one by one bcrypt |

pub mod backup_codes;
pub mod check;
pub mod totp;

pub use check::{Right, RightCode, RightPendingCode, SecondFactor};

//! `outbox`, `audit_heads` and `security_events`: SQL fragments with which a statement records what it did, in
//! the same transaction. The relay delivers the rows of the outbox afterwards.
//!
//! | file | fragment |
//! |---|---|
//! | `audit` | an entry of a user's audit chain |
//! | `notice` | `security.notice`, to devices or to a number |
//! | `session_ended` | `session.ended`, for each ended session |

pub mod audit;
pub mod notice;
pub mod session_ended;

//! `outbox`, `audit_heads` and `security_events`: SQL fragments with which a statement records what it did, in
//! the same transaction. The relay delivers the rows of the outbox afterwards.
//!
//! | file | what it holds |
//! |---|---|
//! | `audit` | a fragment: an entry of a user's audit chain |
//! | `notice` | a fragment: `security.notice`, to devices or to a number |
//! | `session_ended` | a fragment: `session.ended`, for each ended session |
//! | [`heads`] | the heads of all chains, for a signed root |
//! | [`leases`] | what a relay takes, and what became of it |
//! | [`trail`] | entries by the relay and by the hour; the chains as a verification reads them |

pub(super) mod audit;
pub mod heads;
pub mod leases;
pub(super) mod notice;
pub(super) mod session_ended;
pub mod trail;

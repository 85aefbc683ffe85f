//! `restores`: what a database needs after it was restored from a backup.
//!
//! | file | what it does |
//! |---|---|
//! | `walk` | moves what must not go back: versions of device lists, steps of TOTP, pages of one-time keys |
//! | `replay` | takes entries of a user's trail in again, and does what they tell of |

pub(super) mod replay;
pub(super) mod walk;

pub use replay::{AccountChange, LiveSession, ReplayedUser, Replaying};
pub use walk::WalkedBatch;

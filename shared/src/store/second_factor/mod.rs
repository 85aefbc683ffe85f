//! The second factor of an account: `two_factor_*` of `users_auth`, and `backup_codes`.
//!
//! | file | what it does |
//! |---|---|
//! | [`find`] | reads it, by user or by number |
//! | [`set_up`] | stores a secret that is not enabled yet |
//! | [`enable`], [`disable`] | turn it on and off, which ends all other sessions |
//! | [`backup_codes`] | replaces the set of backup codes |
//! | [`reset`] | cancels and applies a reset that an operator asked for |
//! | `reset_at` | an expression: from when on it is reset |
//! | [`step_up`] | a session shows it |
//!
//! A code is spent by the transaction that it allows (`access::second_factor`).

pub mod backup_codes;
pub mod disable;
pub mod enable;
pub mod find;
pub mod reset;
pub(super) mod reset_at;
pub mod set_up;
pub mod step_up;

pub use backup_codes::NewBackupCode;
pub use enable::{EnableOutcome, EnabledBy};
pub use find::{PendingSecret, SecondFactorState, StoredBackupCode};
pub use reset::ResetCancelled;
pub use set_up::SetUpOutcome;

//! The two transactions that create a session: register and log in. Either everything is
//! written (user, device, session, history, outbox events) or nothing, and the primary key of
//! `used_verifications` lets a verification be used exactly once. COMMIT is sent only when
//! all before it was answered: a transaction that was given up never commits later.
//!
//! | file | what it holds |
//! |---|---|
//! | `new_login` | what both take, and their outcomes |
//! | `register` | a new account |
//! | `log_in` | an existing account |
//! | `log_in_state` | what the decision about a log-in depends on |
//! | `stopped` | log-ins that lock or second factor stop |
//! | `start_over` | a new account for the number of one that nobody uses |
//! | `device_limit` | which device makes room in a full account |

mod device_limit;
pub(super) mod log_in;
pub(super) mod log_in_state;
pub(super) mod new_login;
pub(super) mod register;
pub(super) mod start_over;
pub(super) mod stopped;

pub use new_login::{
    DeviceDetails, LoginCompleted, LoginOutcome, NewLogin, ReplaceableDevice, StartOver,
};

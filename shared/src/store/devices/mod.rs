//! `devices`, as their user manages them; and what the user is told of log-ins and security events.
//!
//! | file | what it does |
//! |---|---|
//! | `list` | the devices of a user |
//! | `update` | changes what the account says of a device |
//! | [`remove`] | removes a device with its sessions and keys |
//! | `history` | pages of log-ins and of security events |

pub(super) mod history;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod update;

pub use history::{LogIn, LogInPosition, SecurityEntry};
pub use list::AccountDevice;
pub use remove::RemovedDevice;
pub use update::DeviceUpdate;

//! Operations for other services and for operators, by invocations that IAM has authorized. No public
//! route leads here.
//!
//! | operation | what it does |
//! |---|---|
//! | `get_user` | reads an account, by id or number |
//! | `get_devices` | reads its devices, with their push tokens |
//! | `introspect_token` | tells whether an access token is good now |
//! | `revoke_sessions` | ends all sessions of an account, those of a device, or one |
//! | `change_phone_number` | gives an account a newly proven number |
//! | `restore_account` | gives an account that lost its number a newly proven one |
//! | `reset_second_factor` | removes the second factor after 7 days, unless a device cancels it |
//! | `delete_user` | deletes an account |
//!
//! `{operation, …}` in, the answer of the operation or a problem document out. The types are those of the
//! crate `auth-client`, which other services use.
//!
//! | module | what it is |
//! |---|---|
//! | [`handler`] | an event in, an answer out |
//! | `caller` | who invokes, and whether IAM has authorized it |
//! | `wire` | what an event asks for, validated |
//! | `flow`, `change` | the operations that read, and those that change |

mod caller;
mod change;
mod flow;
mod handler;
mod state;
mod wire;

pub use handler::{handle, handle_event};
pub use state::{InternalState, SECRETS};

//! The integration tests, by function: through the routers, at the level of the contract,
//! over real stores that this binary starts itself.

mod abuse;
mod bad_input;
mod journey;
mod login;
mod refresh;
mod senders;
mod sessions;
mod tokens;
mod verify;

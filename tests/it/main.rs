//! The integration tests, by function: through the routers, at the level of the contract,
//! over real stores that this binary starts itself.

mod journey;
mod login;
mod refresh;
mod sessions;
mod tokens;

//! The integration tests, by function: through the routers, at the level of the contract,
//! over real stores that this binary starts itself.

mod abuse;
mod bad_input;
mod circles;
mod config;
mod contract;
mod correlation;
mod costs;
mod counted;
mod devices;
mod documents;
mod edge;
mod house;
mod journey;
mod kills;
mod lambda;
mod limits;
mod login;
mod maintenance;
mod metrics;
mod migrations;
mod platform;
mod postgres;
mod prekeys;
mod redis;
mod refresh;
mod secrets;
mod senders;
mod sessions;
mod signal;
mod sources;
mod statements;
mod tokens;
mod two_factor;
mod verify;

//! The integration tests, by function: through the routers, at the level of the contract,
//! over real stores that this binary starts itself.

mod contract;
mod edge;
mod house;
mod journey;
mod lambda;
mod metrics;
mod platform;
mod sources;

//! What happened to the account of the caller: log-ins and security events.

mod flow;
mod routes;
mod wire;

pub use routes::{document, endpoints};

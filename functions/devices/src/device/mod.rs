//! The devices of the caller: list, get, change, remove.

mod flow;
mod routes;
mod wire;

pub use routes::{document, endpoints};

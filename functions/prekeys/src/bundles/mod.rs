//! Bundles: what a sender needs to start sessions with the devices of a user.

mod flow;
mod routes;
mod target;
mod wire;

pub use routes::{document, endpoints};

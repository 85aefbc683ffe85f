//! Device lists: the devices of a user that others encrypt for.

mod flow;
mod routes;
mod target;
mod wire;

pub use routes::{document, endpoints};

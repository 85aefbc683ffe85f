//! A device's own keys: what is left, what to upload, whether they are as published; deletion.

mod flow;
mod routes;
mod target;
mod wire;

pub use routes::{document, endpoints};

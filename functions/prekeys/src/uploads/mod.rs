//! Uploads: a device replaces its signed prekey, its one-time keys, its key of last resort.

mod flow;
mod routes;
mod wire;

pub use routes::{document, endpoints};

//! QR log-in that a new device shows: it shows a link, a logged-in device scans it.

mod flow;
mod routes;
mod wire;

pub use routes::{document, endpoints};

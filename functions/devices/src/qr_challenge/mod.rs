//! QR log-in that a logged-in device shows: it shows a challenge, the new device scans it.

mod flow;
mod routes;
mod wire;

pub use routes::{document, endpoints};

//! The documentation of the API.

mod document;
mod routes;

pub use document::{OPENAPI, openapi};
pub use routes::{document, router};

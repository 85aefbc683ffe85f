//! The documentation of the API.

mod document;
mod examples;
mod routes;
mod schemas;

pub use document::{OPENAPI, openapi};
pub use routes::{document, router};

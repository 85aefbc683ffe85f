//! The whole service on a laptop: what `cargo local` runs.
//!
//! | module | what it is |
//! |---|---|
//! | [`service`] | the list of functions, their routers as one, their OpenAPI document |
//! | [`gateway`] | the HTTP/1.1 server in front of them |
//! | [`generate`] | the files that are written from the code |
//! | [`configuration`] | every variable, for docs/configuration.md |
//! | [`instance`] | what an instance keeps under target/, and how it is found by its port |
//! | `roots` | signed roots of the audit chains |
//! | [`up`], [`commands`] | the commands of `cargo local` |
//! | [`audit`] | `cargo local audit verify` |
//! | [`restore`] | `cargo local restore` |
//! | [`import`] | `cargo local import` |
//! | [`error`] | why a command failed |
//! | [`paths`] | the folders of this checkout |

pub mod audit;
pub mod commands;
pub mod configuration;
mod dev_internal;
pub mod error;
pub mod gateway;
pub mod generate;
pub mod import;
pub mod instance;
pub mod paths;
pub mod restore;
mod roots;
pub mod service;
pub mod up;

pub use error::Error;
pub use service::{openapi, openapi_json};

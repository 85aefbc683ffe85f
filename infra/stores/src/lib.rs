//! Private Postgres and Redis servers: found or installed, started on a free port of
//! 127.0.0.1 with a folder of their own, and stopped when the process ends, however it ends.
//! `cargo local` keeps their data, tests delete it.
//!
//! | file | what it is |
//! |---|---|
//! | `postgres`, `redis` | the two servers |
//! | `options`, `error`, `source`, `product` | how one is started, why it failed, where its program comes from |
//! | `find`, `install` | finds the programs, and installs them where they are missing |
//! | `start` | ports, and the reasons in a server's log |
//! | `guard` | the process that stops a server when ours ends |
//! | `account` | the user that runs Postgres for root, and folders that it can reach |
//! | [`paths`] | where the checkout is |

mod account;
mod error;
mod find;
mod guard;
mod install;
mod options;
pub mod paths;
mod postgres;
mod product;
mod progress;
mod redis;
mod source;
mod start;
#[cfg(test)]
mod tests;

pub use account::new_temporary_folder as temporary_folder;
pub use error::StoreError;
pub use options::{Folder, Options};
pub use postgres::Postgres;
pub use progress::progress;
pub use redis::Redis;
pub use source::{SOURCES_VARIABLE, Source, sources};

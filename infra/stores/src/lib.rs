//! Private Postgres and Redis servers: found or installed, started on a free port of
//! 127.0.0.1 with a folder of their own, and stopped when the process that started them ends,
//! even if it is killed. `cargo local` keeps their data; tests delete it.
//!
//! | module | what it is |
//! |---|---|
//! | `options` | how a server is started |
//! | `postgres`, `redis` | the two servers |
//! | `redis_cluster`, `redis_sentinel` | several Redis servers that replace one another, for tests |
//! | `local_aws` | a local AWS, for tests |
//! | `start` | what both starts share: ports, time limits, the reason of a failure |
//! | `guard` | the shell process that stops a server when its owner ends |
//! | `find`, `sources`, `product` | which program is run, and where it may come from |
//! | `install` | package managers and Python wheels |
//! | `account` | users and folders |
//! | `progress` | messages for the person who waits |

mod account;
mod error;
mod find;
mod guard;
mod install;
mod local_aws;
mod options;
mod postgres;
mod product;
mod progress;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod sources;
mod start;
#[cfg(test)]
mod tests;

pub use account::temporary_folder;
pub use error::StoreError;
pub use local_aws::{ACCESS_KEY_ID, LocalAws, REGION, SECRET_ACCESS_KEY};
pub use options::{Folder, Options};
pub use postgres::Postgres;
pub use progress::print_progress;
pub use redis::Redis;
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;
pub use sources::{SOURCES_VARIABLE, Source, UnknownSource, sources};

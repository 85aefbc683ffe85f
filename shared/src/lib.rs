//! What every function stands on: the stores, the cache, the keys, the edges of HTTP
//! and Lambda. Rules are in `domain`, endpoints in `functions/*`.
//!
//! | module | what it is |
//! |---|---|
//! | [`core`] | what every function is made of, built once |
//! | [`config`] | one struct for each concern, read once; all errors are reported together |
//! | [`secrets`] | one loader for secrets, at the start and while the process runs |
//! | [`clock`] | time and random numbers, handed in |
//! | [`cloud`] | what the service needs of a cloud, which the crate `aws` provides |
//! | [`crypto`] | digests and encryption with keys from the pepper |
//! | [`tokens`] | JWTs: signing in `issue`, verification in `verify` |
//! | [`limits`] | every rate limit, one line each |
//! | [`audit`] | every security event that is recorded |
//! | [`qr`] | QR codes as pictures |
//! | [`second_factor`] | checks codes of the second factor |
//! | [`sender`] | how a code reaches a phone, and the text of the message |
//! | [`store`] | Postgres: one file for each table family |
//! | [`percent`] | percent-encoding of a part of a URL |
//! | [`cache`] | Redis: one Lua script for each operation |
//! | [`http`] | contexts, extractors, problems, layers |
//! | [`lambda`] | a router as a Lambda function |
//! | [`telemetry`] | logs and metrics |
//! | [`maintenance`] | clean-up on a schedule |
//! | [`relay`] | delivers the events of the outbox |
//! | [`restore`] | what to run after a restore from a backup |

/// The rules of `domain::access` as tables, for the documentation.
pub use domain::access::table as access_table;

pub mod after_commit;
pub mod audit;
pub mod cache;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod core;
pub mod crypto;
pub mod http;
pub mod lambda;
pub mod limits;
pub mod maintenance;
pub mod percent;
pub mod qr;
pub mod relay;
pub mod restore;
pub mod second_factor;
pub mod secrets;
pub mod sender;
pub mod store;
pub mod telemetry;
pub mod tokens;

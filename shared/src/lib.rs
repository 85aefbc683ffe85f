//! What every function stands on: the stores, the cache, the keys, the edges of HTTP
//! and Lambda. Rules live in `domain`, endpoints in `functions/*`.
//!
//! | module | what it is |
//! |---|---|
//! | [`app`] | the parts of a running function, built once |
//! | [`config`] | every environment variable, read once, all faults told together |
//! | [`clock`] | time and chance, handed in |
//! | [`sealing`] | keyed digests and sealed values, from the pepper |
//! | [`tokens`] | JWT keys, the one way to sign and to verify a token |
//! | [`limits`] | every limit on how often, a line each |
//! | [`audit`] | every security event ever recorded |
//! | [`sender`] | how a code reaches a phone, and its words |
//! | [`store`] | Postgres: one file per table family |
//! | [`cache`] | Redis: one Lua script per operation |
//! | [`http`] | problems, bodies, callers, layers |
//! | [`lambda`] | a router as a Lambda function |
//! | [`telemetry`] | logs and metrics |
//! | [`maintenance`] | what is done now and then, for nobody's request |

pub mod app;
pub mod audit;
pub mod cache;
pub mod clock;
pub mod config;
pub mod http;
pub mod lambda;
pub mod limits;
pub mod maintenance;
pub mod sealing;
pub mod sender;
pub mod store;
pub mod telemetry;
pub mod tokens;

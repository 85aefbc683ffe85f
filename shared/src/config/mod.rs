//! Configuration: one struct for each concern, read once at the start. All errors are
//! reported together, by the variable's name and never with its value.
//!
//! | file | what it reads |
//! |---|---|
//! | [`env`] | the reader: variables and secrets in, values and errors out |
//! | [`error`] | what is wrong with a variable |
//! | `core` | what every function reads |
//! | [`maintenance`] | how long rows are kept, and a run takes |
//! | [`settings`] | variables that one variable holds |
//! | [`stage`] | where the service runs |
//! | [`http`] | CORS, metrics, the clients that are served |
//! | [`stores`], [`database`] | Postgres: how it is used; its address and login |
//! | [`redis`], `discovery` | Redis as one node, by sentinels, a cluster, or by its name in ElastiCache |
//! | [`live_text`] | a text that new connections read, and that may change |
//! | [`telemetry`] | what log lines and metrics carry |
//! | [`tokens`] | names and lifetimes in tokens |
//!
//! Limits are read in `limits`, senders in the crate `sms`, a function's own variables in
//! the function. Each function's `State::read` calls the structs that it needs, so that it
//! reads, and is given, nothing else.

mod core;
pub mod database;
mod discovery;
pub mod env;
pub mod error;
pub mod http;
pub mod live_text;
pub mod maintenance;
pub mod redis;
pub mod settings;
pub mod stage;
pub mod stores;
pub mod telemetry;
pub mod tokens;

pub use crate::secrets::Lookup;
pub use core::CoreConfig;
pub use env::{EnvReader, Environment};
pub use error::{ConfigError, ConfigErrors};
pub use http::HttpConfig;
pub use maintenance::MaintenanceConfig;
pub use redis::RedisConfig;
pub use stage::Stage;
pub use stores::PostgresConfig;
pub use telemetry::TelemetryConfig;
pub use tokens::TokenConfig;

//! Configuration: one struct for each concern, read once at the start. All errors are
//! reported together, by the variable's name and never with its value.
//!
//! | file | what it reads |
//! |---|---|
//! | [`env`](self) | the reader: variables and secrets in, values and errors out |
//! | [`stage`] | where the service runs |
//! | [`http`] | CORS, metrics, the clients that are served |
//! | [`stores`] | Postgres and Redis |
//! | [`tokens`] | names and lifetimes in tokens |
//!
//! Limits are read in `limits`, senders in the crate `sms`, a function's own variables in
//! the function. Each function's `State::read` calls the structs that it needs, so that it
//! reads, and is given, nothing else.

mod env;
pub mod http;
pub mod stage;
pub mod stores;
pub mod tokens;

pub use env::{EnvReader, Environment, Lookup};
pub use http::HttpConfig;
pub use stage::Stage;
pub use stores::{PostgresConfig, RedisConfig};
pub use tokens::TokenConfig;

use std::fmt;

use crate::limits::LimitsConfig;

/// What every function reads.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    pub stage: Stage,
    pub http: HttpConfig,
    pub postgres: PostgresConfig,
    pub redis: RedisConfig,
    pub limits: LimitsConfig,
}

impl CoreConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        let stage = Stage::read(env);
        Self {
            stage,
            http: HttpConfig::read(env),
            postgres: PostgresConfig::read(env, stage),
            redis: RedisConfig::read(env, stage),
            limits: LimitsConfig::read(env, stage),
        }
    }
}

/// One variable and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub variable: &'static str,
    pub error: &'static str,
}

/// Everything that is wrong, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration: ")?;
        for (n, ConfigError { variable, error }) in self.0.iter().enumerate() {
            write!(f, "{}{variable} {error}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

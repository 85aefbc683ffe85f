//! What every function reads.

use super::env::EnvReader;
use super::http::HttpConfig;
use super::redis::RedisConfig;
use super::stage::Stage;
use super::stores::PostgresConfig;
use super::telemetry::TelemetryConfig;
use crate::limits::LimitsConfig;

/// What every function reads.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    pub stage: Stage,
    pub http: HttpConfig,
    pub postgres: PostgresConfig,
    pub redis: RedisConfig,
    pub limits: LimitsConfig,
    pub telemetry: TelemetryConfig,
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
            telemetry: TelemetryConfig::read(env, stage),
        }
    }
}

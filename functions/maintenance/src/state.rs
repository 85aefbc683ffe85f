//! The state of `maintenance`: the stores, and the keys that secrets are encrypted with anew.

use shared::config::stores::resume_limit;
use shared::config::{EnvReader, MaintenanceConfig};
use shared::core::Core;
use shared::crypto::DataKeys;
use shared::secrets::SecretName;
use std::time::Duration;

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = &[
    SecretName::DatabaseUrl,
    SecretName::DatabasePassword,
    SecretName::RedisUrl,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::OriginVerifySecret,
    SecretName::DataKeys,
];

#[derive(Clone)]
pub struct MaintenanceState {
    pub core: Core,
    pub config: MaintenanceConfig,
    pub keys: DataKeys,
    /// How long to wait for a database that pauses.
    pub resume_limit: Duration,
}

impl MaintenanceState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let (config, resume_limit) = (MaintenanceConfig::read(env), resume_limit(env));
        Some(Self { core: core.clone(), config, keys: DataKeys::read(env)?, resume_limit })
    }
}

//! The state of `platform`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use secrecy::SecretString;
use shared::config::EnvReader;
use shared::core::Core;
use shared::secrets::{LiveSecret, SecretName};
use shared::tokens::PublicKeys;
use std::sync::Arc;

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = &[
    SecretName::DatabaseUrl,
    SecretName::DatabasePassword,
    SecretName::RedisUrl,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::JwtPublicKeys,
    SecretName::MetricsToken,
];

#[derive(Clone, FromRef)]
pub struct PlatformState {
    pub core: Core,
    /// The keys that the JWKS publishes.
    pub public_keys: Arc<LiveSecret<PublicKeys>>,
    /// The bearer token of `/metrics`.
    pub metrics_token: Option<SecretString>,
}

impl PlatformState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let public_keys = env.live_secret(SecretName::JwtPublicKeys, PublicKeys::parse);
        let metrics_token = env.secret(SecretName::MetricsToken);
        Some(Self { core: core.clone(), public_keys: public_keys?, metrics_token })
    }
}

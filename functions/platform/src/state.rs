//! The state of `platform`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use secrecy::{ExposeSecret as _, SecretString};
use shared::config::{EnvReader, Stage};
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
    SecretName::OriginVerifySecret,
    SecretName::JwtPublicKeys,
    SecretName::MetricsToken,
];

#[derive(Clone, FromRef)]
pub struct PlatformState {
    pub core: Core,
    /// The keys that the JWKS publishes.
    pub public_keys: Arc<LiveSecret<PublicKeys>>,
    /// The bearer token of `/metrics`.
    pub metrics_token: Option<Arc<LiveSecret<SecretString>>>,
    /// Whether the documentation is served.
    pub has_docs: bool,
}

/// A shorter token of `/metrics` is refused.
const MIN_METRICS_TOKEN: usize = 32;

impl PlatformState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let public_keys = env.live_secret(SecretName::JwtPublicKeys, PublicKeys::parse);
        let metrics_token = env.optional_live_secret(SecretName::MetricsToken, metrics_token);
        let has_docs = env.flag("DOCS", core.config.stage != Stage::Prod);
        Some(Self { core: core.clone(), public_keys: public_keys?, metrics_token, has_docs })
    }
}

fn metrics_token(token: &SecretString) -> Result<SecretString, &'static str> {
    if token.expose_secret().chars().count() < MIN_METRICS_TOKEN {
        return Err("must have 32 characters or more");
    }
    Ok(token.clone())
}

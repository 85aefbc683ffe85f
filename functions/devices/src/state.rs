//! The state of `devices`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::crypto::Pepper;
use shared::secrets::SecretName;
use shared::tokens::TokenVerifier;

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = &[
    SecretName::DatabaseUrl,
    SecretName::DatabasePassword,
    SecretName::RedisUrl,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::OriginVerifySecret,
    SecretName::JwtPublicKeys,
    SecretName::Pepper,
];

#[derive(Clone, FromRef)]
pub struct DevicesState {
    pub core: Core,
    pub verifier: TokenVerifier,
    /// Reads the number that a verification proves.
    pub pepper: Pepper,
}

impl DevicesState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let pepper = Pepper::read(env);
        Some(Self { core: core.clone(), verifier: verifier?, pepper: pepper? })
    }
}

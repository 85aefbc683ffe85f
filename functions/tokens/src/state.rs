//! The state of `tokens`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::secrets::SecretName;
use shared::tokens::{TokenIssuer, TokenVerifier};

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = &[
    SecretName::DatabaseUrl,
    SecretName::DatabasePassword,
    SecretName::RedisUrl,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::OriginVerifySecret,
    SecretName::JwtKeys,
];

#[derive(Clone, FromRef)]
pub struct TokensState {
    pub core: Core,
    pub issuer: TokenIssuer,
    pub verifier: TokenVerifier,
}

impl TokensState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let issuer = TokenIssuer::read(env, &tokens)?;
        let verifier = TokenVerifier::of_issuer(&issuer, &tokens);
        Some(Self { core: core.clone(), issuer, verifier })
    }
}

//! The state of `devices`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::crypto::Pepper;
use shared::second_factor::SecondFactor;
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
    SecretName::DataKeys,
];

#[derive(Clone, FromRef)]
pub struct DevicesState {
    pub core: Core,
    pub verifier: TokenVerifier,
    /// Checks what removes an older device.
    pub second_factor: SecondFactor,
}

impl DevicesState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let pepper = Pepper::read(env);
        let second_factor = SecondFactor::read(env, pepper.as_ref());
        Some(Self { core: core.clone(), verifier: verifier?, second_factor: second_factor? })
    }
}

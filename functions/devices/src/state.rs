//! The state of `devices`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::crypto::Pepper;
use shared::second_factor::SecondFactor;
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
    SecretName::Pepper,
    SecretName::DataKeys,
];

#[derive(Clone, FromRef)]
pub struct DevicesState {
    pub core: Core,
    /// For the device that a QR log-in lets in.
    pub issuer: TokenIssuer,
    pub verifier: TokenVerifier,
    /// Checks what removes an older device, or lets one in.
    pub second_factor: SecondFactor,
}

impl DevicesState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let issuer = TokenIssuer::read(env, &tokens);
        let pepper = Pepper::read(env);
        let second_factor = SecondFactor::read(env, pepper.as_ref());
        let issuer = issuer?;
        let verifier = TokenVerifier::of_issuer(&issuer, &tokens);
        Some(Self { core: core.clone(), issuer, verifier, second_factor: second_factor? })
    }
}

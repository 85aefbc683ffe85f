//! The state of `devices`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::crypto::{IdentityIndex, Pepper};
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
    SecretName::PhoneIndexKey,
];

#[derive(Clone, FromRef)]
pub struct DevicesState {
    pub core: Core,
    /// For the device that a QR log-in lets in.
    pub issuer: TokenIssuer,
    pub verifier: TokenVerifier,
    /// Checks what removes an older device, or lets one in.
    pub second_factor: SecondFactor,
    /// For the keys of the device that a QR log-in lets in.
    pub identities: IdentityIndex,
}

impl DevicesState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let issuer = TokenIssuer::read(env, &tokens);
        let pepper = Pepper::read(env);
        let second_factor = SecondFactor::read(env, pepper.as_ref());
        let identities = IdentityIndex::read(env);
        let issuer = issuer?;
        let verifier = TokenVerifier::of_issuer(&issuer, &tokens);
        let (core, second_factor) = (core.clone(), second_factor?);
        Some(Self { core, issuer, verifier, second_factor, identities: identities? })
    }
}

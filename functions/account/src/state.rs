//! The state of `account`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::crypto::{IdentityIndex, Pepper};
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
    SecretName::PhoneIndexKey,
];

#[derive(Clone, FromRef)]
pub struct AccountState {
    pub core: Core,
    pub verifier: TokenVerifier,
    pub second_factor: SecondFactor,
    /// Makes the digests that outlive a deleted account.
    pub identities: IdentityIndex,
}

impl AccountState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let pepper = Pepper::read(env);
        let second_factor = SecondFactor::read(env, pepper.as_ref());
        let identities = IdentityIndex::read(env);
        Some(Self {
            core: core.clone(),
            verifier: verifier?,
            second_factor: second_factor?,
            identities: identities?,
        })
    }
}

//! The state of `internal`: the core, public keys, what opens the number of a verification, and what makes
//! the digests that outlive an account.

use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::crypto::{IdentityIndex, Pepper};
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
    SecretName::PhoneIndexKey,
];

#[derive(Clone)]
pub struct InternalState {
    pub core: Core,
    pub verifier: TokenVerifier,
    pub pepper: Pepper,
    pub identities: IdentityIndex,
}

impl InternalState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let pepper = Pepper::read(env);
        let identities = IdentityIndex::read(env);
        Some(Self {
            core: core.clone(),
            verifier: verifier?,
            pepper: pepper?,
            identities: identities?,
        })
    }
}

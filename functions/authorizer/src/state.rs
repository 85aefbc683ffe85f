//! The state of `authorizer`: public keys, the stores that know which sessions are alive, and the
//! tokens that were checked a moment ago.

use shared::config::{EnvReader, TokenConfig};
use shared::core::Core;
use shared::secrets::SecretName;
use shared::tokens::TokenVerifier;
use std::sync::Arc;
use std::time::Duration;

use crate::known_tokens::KnownTokens;

/// The secrets that this function reads.
pub const SECRETS: &[SecretName] = &[
    SecretName::DatabaseUrl,
    SecretName::DatabasePassword,
    SecretName::RedisUrl,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::OriginVerifySecret,
    SecretName::JwtPublicKeys,
];

#[derive(Clone)]
pub struct AuthorizerState {
    pub core: Core,
    pub verifier: TokenVerifier,
    pub(crate) known: Arc<KnownTokens>,
    /// Whether tokens that are bound to a key are accepted with their proof.
    pub(crate) accepts_proofs: bool,
}

impl AuthorizerState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let seconds = env.number("AUTHORIZER_CACHE_SECONDS", 30, 0, 60);
        let accepts_proofs = env.flag("AUTHORIZER_DPOP", false);
        if accepts_proofs && core.config.http.public_origins.is_empty() {
            env.error("AUTHORIZER_DPOP", "needs PUBLIC_ORIGINS, the origins of the API");
        }
        Some(Self {
            core: core.clone(),
            verifier: verifier?,
            known: Arc::new(KnownTokens::new(Duration::from_secs(seconds))),
            accepts_proofs,
        })
    }
}

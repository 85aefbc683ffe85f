//! The state of `login`: exactly the parts of [`Core`] and the keys that its handlers need.

use axum::extract::FromRef;
use domain::access::LogInPolicy;
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
pub struct LoginState {
    pub core: Core,
    pub issuer: TokenIssuer,
    pub verifier: TokenVerifier,
    pub pepper: Pepper,
    pub second_factor: SecondFactor,
    pub identities: IdentityIndex,
    /// When an account is idle.
    #[from_ref(skip)]
    pub policy: LogInPolicy,
}

impl LoginState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let issuer = TokenIssuer::read(env, &tokens);
        let pepper = Pepper::read(env);
        let second_factor = SecondFactor::read(env, pepper.as_ref());
        let identities = IdentityIndex::read(env);
        let idle_days = env.number("NUMBER_IDLE_DAYS", 90, 30, 3650);
        let policy = LogInPolicy::new(idle_days, core.config.http.legacy_clients);
        let issuer = issuer?;
        let verifier = TokenVerifier::of_issuer(&issuer, &tokens);
        Some(Self {
            core: core.clone(),
            issuer,
            verifier,
            pepper: pepper?,
            second_factor: second_factor?,
            identities: identities?,
            policy,
        })
    }
}

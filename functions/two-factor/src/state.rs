//! The state of `two-factor`: exactly the parts of [`Core`] and the keys that its handlers need.

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
pub struct TwoFactorState {
    pub core: Core,
    pub verifier: TokenVerifier,
    pub second_factor: SecondFactor,
    /// The name of the service in an authenticator app.
    #[from_ref(skip)]
    pub brand: String,
}

impl TwoFactorState {
    pub fn read(core: &Core, env: &mut EnvReader) -> Option<Self> {
        let tokens = TokenConfig::read(env);
        let verifier = TokenVerifier::read(env, &tokens);
        let pepper = Pepper::read(env);
        let second_factor = SecondFactor::read(env, pepper.as_ref());
        let brand = env.text("SMS_BRAND", "Whispr");
        if brand.contains(':') {
            // It separates service and account in the address of the QR code.
            env.error("SMS_BRAND", "must not contain a colon");
        }
        Some(Self { core: core.clone(), verifier: verifier?, second_factor: second_factor?, brand })
    }
}

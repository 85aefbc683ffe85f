//! Names and lifetimes in tokens.

use std::time::Duration;

use super::env::EnvReader;
use super::stage::Stage;

/// The audience of a web-socket token.
pub const WS_AUDIENCE: &str = "ws";

#[derive(Clone, Debug)]
pub struct TokenConfig {
    pub issuer: String,
    pub audience: String,
}

impl TokenConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        // A token of one stage is none of another, whatever their keys are.
        let (issuer, audience) = match Stage::read(env) {
            Stage::Local | Stage::Prod => ("whispr-auth", "whispr"),
            Stage::Dev => ("whispr-auth-dev", "whispr-dev"),
            Stage::Staging => ("whispr-auth-staging", "whispr-staging"),
        };
        let config = Self {
            issuer: env.text("JWT_ISSUER", issuer),
            audience: env.text("JWT_AUDIENCE", audience),
        };
        // A refresh token must never pass for an access token, whatever is configured.
        if config.audience == config.issuer || config.audience == WS_AUDIENCE {
            env.error("JWT_AUDIENCE", "must differ from JWT_ISSUER and from \"ws\"");
        }
        if config.issuer == WS_AUDIENCE {
            env.error("JWT_ISSUER", "must not be \"ws\"");
        }
        config
    }
}

/// How long an access token is valid.
pub fn access_token_ttl(env: &mut EnvReader) -> Duration {
    // A shipped app refreshes 120 seconds before the end: it would do nothing else.
    let least = if env.flag("LEGACY_CLIENTS", false) { 300 } else { 60 };
    Duration::from_secs(env.number("ACCESS_TOKEN_TTL", 900, least, 1200))
}

//! Verification of tokens, with public keys alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::{DeviceId, SessionId, UserId};
use domain::principal::Principal;
use domain::session::TokenPosition;
use domain::time::Timestamp;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

use super::claims::{AccessClaims, Claims, RefreshClaims};
use super::jwks::PublicKeys;
use super::{SigningKeys, TokenError, TokenIssuer};
use crate::config::{EnvReader, TokenConfig};
use crate::secrets::{LiveSecret, SecretName};

/// A longer string is no token of this service and is not parsed.
const MAX_TOKEN: usize = 4096;
/// How far another machine's clock may run ahead, in seconds.
const ISSUED_LEEWAY: i64 = 60;
/// For how long a refresh token shows a known device.
const PREVIOUS_TOKEN_TTL: Duration = Duration::from_hours(400 * 24);

/// A verified access token.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub principal: Principal,
    pub issued_at: Timestamp,
}

/// A verified refresh token.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    pub principal: Principal,
    pub position: TokenPosition,
}

/// Where a function has its public keys from.
#[derive(Clone)]
enum KeySource {
    /// `JWT_PUBLIC_KEYS`.
    Published(Arc<LiveSecret<PublicKeys>>),
    /// The public half of `JWT_KEYS`, in a function that issues tokens.
    Signing(Arc<LiveSecret<SigningKeys>>),
}

/// Verifies tokens: the public keys with what every token of this service says.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: KeySource,
    config: Arc<TokenConfig>,
}

impl TokenVerifier {
    pub fn read(env: &mut EnvReader, config: &TokenConfig) -> Option<Self> {
        let keys = env.live_secret(SecretName::JwtPublicKeys, PublicKeys::parse)?;
        Some(Self { keys: KeySource::Published(keys), config: Arc::new(config.clone()) })
    }

    /// The verifier of a function that issues tokens too.
    #[must_use]
    pub fn of_issuer(issuer: &TokenIssuer, config: &TokenConfig) -> Self {
        let keys = KeySource::Signing(issuer.keys().clone());
        Self { keys, config: Arc::new(config.clone()) }
    }

    /// The keys that verify now.
    #[must_use]
    pub fn keys(&self) -> Arc<PublicKeys> {
        match &self.keys {
            KeySource::Published(keys) => keys.current(),
            KeySource::Signing(keys) => keys.current().public().clone(),
        }
    }

    pub fn verify_access(&self, token: &str, now: Timestamp) -> Result<Access, TokenError> {
        let claims: AccessClaims = self.verify(token, &self.config.audience)?;
        check_times(claims.iat, claims.nbf, claims.exp, now)?;
        if claims.scope.as_deref() != Some("user") {
            return Err(TokenError::Invalid);
        }
        Ok(Access {
            principal: principal(claims.sub, claims.sid, claims.device_id),
            issued_at: Timestamp::from_millis(claims.iat.saturating_mul(1000)),
        })
    }

    pub fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<Refresh, TokenError> {
        let claims = self.read_refresh(token)?;
        check_times(claims.iat, claims.nbf, claims.exp, now)?;
        Ok(Refresh {
            principal: principal(claims.sub, claims.sid, claims.device_id),
            position: TokenPosition { generation: claims.generation, fork: claims.fork },
        })
    }

    /// What a refresh token of the last 400 days, even an expired one, says of its session. It
    /// shows a known device, if the session still exists.
    #[must_use]
    pub fn previous_principal(&self, token: &str, now: Timestamp) -> Option<Principal> {
        let claims = self.read_refresh(token).ok()?;
        let issued_at = Timestamp::from_millis(claims.iat.saturating_mul(1000));
        let is_recent =
            issued_at + PREVIOUS_TOKEN_TTL > now && claims.iat <= now.seconds() + ISSUED_LEEWAY;
        is_recent.then(|| principal(claims.sub, claims.sid, claims.device_id))
    }

    fn read_refresh(&self, token: &str) -> Result<RefreshClaims, TokenError> {
        self.verify(token, &self.config.issuer)
    }

    fn verify<C: Claims>(&self, token: &str, audience: &str) -> Result<C, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Invalid);
        }
        let header: Header = token
            .split_once('.')
            .and_then(|(header, _)| BASE64.decode(header).ok())
            .and_then(|header| serde_json::from_slice(&header).ok())
            .ok_or(TokenError::Invalid)?;
        let plain = header.alg == "ES256"
            && header.typ == C::TYP
            && header.crit.is_none()
            && header.b64.is_none();
        let keys = self.keys();
        let (true, Some(key)) = (plain, keys.find(&header.kid)) else {
            return Err(TokenError::Invalid);
        };
        // The library compares with the system's clock and with leeway, and accepts a missing
        // or a listed audience. So times are compared below by the request's clock, and the
        // types of the claims allow one audience.
        let issuer = &self.config.issuer;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<C>(token, key, &validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if claims.issuer() != issuer || claims.audience() != audience {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }
}

/// What is read of a header. `jwk`, `jku` and `x5u` are not: keys come from the
/// configuration alone.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    crit: Option<serde_json::Value>,
    b64: Option<serde_json::Value>,
}

fn principal(user: Uuid, session: Uuid, device: Uuid) -> Principal {
    Principal {
        user: UserId::from_uuid(user),
        session: SessionId::from_uuid(session),
        device: DeviceId::from_uuid(device),
    }
}

fn check_times(
    issued: i64,
    begins: Option<i64>,
    expires: i64,
    now: Timestamp,
) -> Result<(), TokenError> {
    let too_early = issued > now.seconds() + ISSUED_LEEWAY;
    if too_early || begins.is_some_and(|begins| begins > now.seconds()) {
        return Err(TokenError::Invalid);
    }
    if expires <= now.seconds() {
        return Err(TokenError::Expired);
    }
    Ok(())
}

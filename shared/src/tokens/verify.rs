//! Verification of tokens, with public keys alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::{DeviceId, SessionId, UserId};
use domain::principal::Principal;
use domain::session::{EARLIER_TOKEN_TTL, TokenPosition};
use domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

use super::claims::{AccessClaims, Claims, RefreshClaims};
use super::dpop::Confirmation;
use super::jwks::PublicKeys;
use super::{SigningKeys, TokenError, TokenIssuer};
use crate::config::{EnvReader, TokenConfig};
use crate::secrets::{LiveSecret, SecretName};

/// A longer string is no token of this service and is not parsed.
const MAX_TOKEN: usize = 4096;
/// How far another machine's clock may run ahead, in seconds.
const ISSUED_LEEWAY: i64 = 60;

/// A verified access token.
#[derive(Clone, Debug)]
pub struct Access {
    pub principal: Principal,
    pub issued_at: Timestamp,
    /// The key without which it is worth nothing.
    pub binding: Option<Confirmation>,
}

/// A verified refresh token.
#[derive(Clone, Debug)]
pub struct Refresh {
    pub principal: Principal,
    pub position: TokenPosition,
    pub issued_at: Timestamp,
    /// The key without which it is worth nothing.
    pub binding: Option<Confirmation>,
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
        let claims: AccessClaims = self.verify(token, &self.config.audience, PublicKeys::find)?;
        check_times(claims.iat, claims.nbf, claims.exp, now)?;
        if claims.scope.as_deref() != Some("user") {
            return Err(TokenError::Invalid);
        }
        Ok(Access {
            principal: principal(claims.sub, claims.sid, claims.device_id),
            issued_at: Timestamp::from_millis(claims.iat.saturating_mul(1000)),
            binding: claims.cnf,
        })
    }

    pub fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<Refresh, TokenError> {
        let claims: RefreshClaims = self.verify(token, &self.config.issuer, PublicKeys::find)?;
        check_times(claims.iat, claims.nbf, claims.exp, now)?;
        Ok(Refresh {
            principal: principal(claims.sub, claims.sid, claims.device_id),
            position: TokenPosition { generation: claims.generation, fork: claims.fork },
            issued_at: Timestamp::from_millis(claims.iat.saturating_mul(1000)),
            binding: claims.cnf,
        })
    }

    /// The session that an earlier refresh token, even an expired one, belonged to. A token that
    /// is bound to a key counts with a proof of that key alone. Whether it still counts is also up
    /// to the row of the session.
    #[must_use]
    pub fn previous_session(
        &self,
        token: &str,
        proven: Option<&Confirmation>,
        now: Timestamp,
    ) -> Option<Principal> {
        let claims: RefreshClaims =
            self.verify(token, &self.config.issuer, PublicKeys::find_retired).ok()?;
        let counts_until =
            Timestamp::from_millis(claims.iat.saturating_mul(1000)) + EARLIER_TOKEN_TTL;
        let is_early = check_times(claims.iat, claims.nbf, i64::MAX, now).is_ok();
        let is_own = claims.cnf.is_none() || claims.cnf.as_ref() == proven;
        (is_early && is_own && now < counts_until)
            .then(|| principal(claims.sub, claims.sid, claims.device_id))
    }

    fn verify<C: Claims>(
        &self,
        token: &str,
        audience: &str,
        find: for<'a> fn(&'a PublicKeys, &str) -> Option<&'a DecodingKey>,
    ) -> Result<C, TokenError> {
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
        let (true, Some(key)) = (plain, find(&keys, &header.kid)) else {
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

//! Tokens: ES256 JWTs (RFC 7515, 7518, 7519), the keys that sign them, and the one
//! door through which a token comes back in.
//!
//! Three kinds, told apart by `typ` *and* by audience, so that none passes for another:
//! access (`at+jwt`, RFC 9068), refresh (`rt+jwt`, for this service alone) and
//! web-socket (`ws+jwt`).

mod keys;

pub use keys::{KeyError, KeySet, new_jwt_keys};

use domain::ids::{DeviceId, SessionId, UserId};
use domain::principal::Principal;
use domain::session::{Rotation, TokenPosition, expires_at};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

use crate::clock::Rng;
use keys::Claims;

/// How far another machine's clock may run ahead.
const ISSUED_LEEWAY: i64 = 60;
/// Life of a web-socket token: long enough to open one connection.
pub const WS_TOKEN_TTL: Duration = Duration::from_mins(1);
const WS_AUDIENCE: &str = "ws";

/// Why a token is refused. The caller learns only "expired" or "invalid".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the token is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    #[error("a token cannot be signed")]
    SigningFailed,
}

#[derive(Clone, Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: Uuid,
    jti: Uuid,
    iat: i64,
    /// We never write it, and honour it (RFC 7519 §4.1.5).
    #[serde(skip_serializing)]
    nbf: Option<i64>,
    exp: i64,
    sid: Uuid,
    #[serde(rename = "deviceId")]
    device_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl Claims for AccessClaims {
    const TYP: &'static str = "at+jwt";
    fn issuer(&self) -> &str {
        &self.iss
    }
    fn audience(&self) -> &str {
        &self.aud
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct RefreshClaims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    #[serde(rename = "deviceId")]
    device_id: Uuid,
    jti: String,
    #[serde(rename = "gen")]
    generation: i32,
    fork: i32,
    iat: i64,
    #[serde(skip_serializing)]
    nbf: Option<i64>,
    exp: i64,
    auth_time: i64,
}

impl Claims for RefreshClaims {
    const TYP: &'static str = "rt+jwt";
    fn issuer(&self) -> &str {
        &self.iss
    }
    fn audience(&self) -> &str {
        &self.aud
    }
}

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

/// The keys with what every token of this service says.
#[derive(Debug)]
pub struct Signing {
    keys: std::sync::Arc<KeySet>,
    issuer: String,
    audience: String,
    access_ttl: Duration,
}

impl Signing {
    #[must_use]
    pub fn new(config: &crate::config::Config) -> Self {
        let keys = config.jwt_keys.clone();
        Self::with_keys(keys, &config.jwt_issuer, &config.jwt_audience, config.access_token_ttl)
    }

    #[must_use]
    pub fn with_keys(
        keys: std::sync::Arc<KeySet>,
        issuer: &str,
        audience: &str,
        access_ttl: Duration,
    ) -> Self {
        Self { keys, issuer: issuer.to_owned(), audience: audience.to_owned(), access_ttl }
    }

    #[must_use]
    pub fn jwks(&self) -> &str {
        self.keys.jwks()
    }

    pub fn access(
        &self,
        principal: Principal,
        now: Timestamp,
        rng: Rng,
    ) -> Result<String, TokenError> {
        let claims =
            self.bearer(principal, &self.audience, now, self.access_ttl, Some("user"), rng);
        self.keys.sign(AccessClaims::TYP, &claims)
    }

    /// A token that opens one web socket at another service.
    pub fn web_socket(
        &self,
        principal: Principal,
        now: Timestamp,
        rng: Rng,
    ) -> Result<String, TokenError> {
        let claims = self.bearer(principal, WS_AUDIENCE, now, WS_TOKEN_TTL, None, rng);
        self.keys.sign("ws+jwt", &claims)
    }

    fn bearer(
        &self,
        principal: Principal,
        audience: &str,
        now: Timestamp,
        ttl: Duration,
        scope: Option<&str>,
        rng: Rng,
    ) -> AccessClaims {
        AccessClaims {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            sub: *principal.user.as_uuid(),
            jti: uuid::Builder::from_random_bytes(rng.bytes()).into_uuid(),
            iat: now.seconds(),
            nbf: None,
            exp: (now + ttl).seconds(),
            sid: *principal.session.as_uuid(),
            device_id: *principal.device.as_uuid(),
            scope: scope.map(str::to_owned),
        }
    }

    /// The newest refresh token of a session: every claim follows from the row, so that
    /// a repeated request gets the very same token.
    pub fn refresh(
        &self,
        principal: Principal,
        rotation: &Rotation,
        auth_time: Timestamp,
    ) -> Result<String, TokenError> {
        let TokenPosition { generation, fork } = rotation.newest();
        let claims = RefreshClaims {
            iss: self.issuer.clone(),
            // Its own audience: nobody but this service takes it.
            aud: self.issuer.clone(),
            sub: *principal.user.as_uuid(),
            sid: *principal.session.as_uuid(),
            device_id: *principal.device.as_uuid(),
            jti: format!("{}.{generation}.{fork}", principal.session),
            generation,
            fork,
            iat: rotation.issued_at.seconds(),
            nbf: None,
            exp: expires_at(rotation.issued_at, auth_time).seconds(),
            auth_time: auth_time.seconds(),
        };
        self.keys.sign(RefreshClaims::TYP, &claims)
    }

    pub fn verify_access(&self, token: &str, now: Timestamp) -> Result<Access, TokenError> {
        let claims: AccessClaims = self.keys.verify(token, &self.issuer, &self.audience)?;
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

    /// Whose account a refresh token, even an expired one, once belonged to: proof
    /// enough for the owners' tier of the limits, and for nothing else.
    #[must_use]
    pub fn previous_account(&self, token: &str) -> Option<UserId> {
        self.read_refresh(token).ok().map(|claims| UserId::from_uuid(claims.sub))
    }

    fn read_refresh(&self, token: &str) -> Result<RefreshClaims, TokenError> {
        self.keys.verify(token, &self.issuer, &self.issuer)
    }
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

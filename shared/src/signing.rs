//! Tokens: ES256 JWTs (RFC 7515, 7518, 7519), the keys that sign them, and the one
//! door through which a token comes back in.
//!
//! Three kinds, told apart by `typ` *and* by audience, so that none passes for another:
//! access (`at+jwt`, RFC 9068), refresh (`rt+jwt`, for this service alone) and
//! web-socket (`ws+jwt`).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use domain::ids::{DeviceId, SessionId, UserId};
use domain::secret::Secret;
use domain::session::{Place, Rotation, expires_at};
use domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use p256::SecretKey;
use p256::pkcs8::EncodePrivateKey as _;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

use crate::clock::Chance;

/// A longer string is no token of ours and is not looked at.
const MAX_TOKEN: usize = 4096;
/// How far another machine's clock may run ahead.
const ISSUED_LEEWAY: i64 = 60;
/// Life of a web-socket token: long enough to open one connection.
pub const WS_TOKEN_TTL: Duration = Duration::from_mins(1);
const WS_AUDIENCE: &str = "ws";

#[derive(Debug, Error)]
pub enum KeyError {
    #[error("is not a JSON object with \"current\" and, if any, \"next\" and \"previous\" keys")]
    Shape,
    #[error("holds a key that is no P-256 private key (PEM, or base64 of PKCS#8)")]
    Key,
}

/// Why a token is refused. The caller learns only "expired" or "invalid".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the token is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    #[error("a token cannot be signed")]
    Unsigned,
}

/// `JWT_KEYS`: the next key is published before it signs, the previous one until its
/// last token has died.
#[derive(Deserialize)]
struct StoredKeys {
    current: String,
    next: Option<String>,
    previous: Option<String>,
}

/// A public key that tokens may be signed with.
struct KnownKey {
    kid: String,
    key: DecodingKey,
}

/// The keys, parsed once.
pub struct KeySet {
    pair: EcdsaKeyPair,
    kid: String,
    known: Vec<KnownKey>,
    jwks: String,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A P-256 key as PEM (PKCS#8 or SEC1) or as base64.
fn parse_key(text: &str) -> Result<EcdsaKeyPair, KeyError> {
    if text.contains("-----BEGIN") {
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::Key)?;
        return key_pair(Secret::new(der).expose().secret_der());
    }
    let der = STANDARD.decode(text.trim()).map_err(|_| KeyError::Key)?;
    key_pair(Secret::new(der).expose())
}

fn key_pair(der: &[u8]) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
        .map_err(|_| KeyError::Key)
}

/// The public coordinates as a JWK writes them (RFC 7518 §6.2.1).
fn coordinates(key: &EcdsaKeyPair) -> Result<(String, String), KeyError> {
    // An uncompressed point is 4, x, y (SEC 1 §2.3.3).
    let (x, y) = match key.public_key().as_ref() {
        [4, point @ ..] => point.split_at_checked(32).ok_or(KeyError::Key)?,
        _ => return Err(KeyError::Key),
    };
    Ok((BASE64.encode(x), BASE64.encode(y)))
}

/// RFC 7638: SHA-256 of the required members in lexical order.
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()))
}

impl KeySet {
    pub fn parse(stored: &Secret<String>) -> Result<Self, KeyError> {
        let stored: StoredKeys =
            serde_json::from_str(stored.expose()).map_err(|_| KeyError::Shape)?;
        let pair = parse_key(&stored.current)?;
        let next = stored.next.as_deref().map(parse_key).transpose()?;
        let previous = stored.previous.as_deref().map(parse_key).transpose()?;
        let (mut known, mut jwks) = (Vec::new(), Vec::new());
        for key in [next.as_ref(), Some(&pair), previous.as_ref()].into_iter().flatten() {
            let (x, y) = coordinates(key)?;
            let kid = thumbprint(&x, &y);
            let decoding = DecodingKey::from_ec_components(&x, &y).map_err(|_| KeyError::Key)?;
            jwks.push(json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y
            }));
            known.push(KnownKey { kid, key: decoding });
        }
        let (x, y) = coordinates(&pair)?;
        Ok(Self { pair, kid: thumbprint(&x, &y), known, jwks: json!({ "keys": jwks }).to_string() })
    }

    /// The key set as clients fetch it (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    fn sign<C: Serialize>(&self, kind: &'static str, claims: &C) -> Result<String, TokenError> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": kind }).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| TokenError::Unsigned)?;
        let mut token = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), token.as_bytes())
            .map_err(|_| TokenError::Unsigned)?;
        token.push('.');
        token.push_str(&BASE64.encode(signature));
        Ok(token)
    }

    fn verify<C: Claims>(
        &self,
        token: &str,
        issuer: &str,
        audience: &str,
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
        let known = self.known.iter().find(|known| known.kid == header.kid);
        let (true, Some(known)) = (plain, known) else { return Err(TokenError::Invalid) };
        // The library compares with the system's clock and with leeway, and lets a
        // missing or a listed audience pass: times are compared by our clock below, and
        // the claims' types want one audience.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<C>(token, &known.key, &validation)
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

trait Claims: DeserializeOwned + Clone {
    const TYP: &'static str;
    fn issuer(&self) -> &str;
    fn audience(&self) -> &str;
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

/// Whom a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: UserId,
    pub session: SessionId,
    pub device: DeviceId,
}

/// A verified access token.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub identity: Identity,
    pub issued_at: Timestamp,
}

/// A verified refresh token.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    pub identity: Identity,
    pub place: Place,
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
        Self {
            keys: config.jwt_keys.clone(),
            issuer: config.jwt_issuer.clone(),
            audience: config.jwt_audience.clone(),
            access_ttl: config.access_token_ttl,
        }
    }

    #[must_use]
    pub fn jwks(&self) -> &str {
        self.keys.jwks()
    }

    pub fn access(
        &self,
        who: Identity,
        now: Timestamp,
        chance: Chance,
    ) -> Result<String, TokenError> {
        let claims = self.bearer(who, &self.audience, now, self.access_ttl, Some("user"), chance);
        self.keys.sign(AccessClaims::TYP, &claims)
    }

    /// A token that opens one web socket at another service.
    pub fn web_socket(
        &self,
        who: Identity,
        now: Timestamp,
        chance: Chance,
    ) -> Result<String, TokenError> {
        let claims = self.bearer(who, WS_AUDIENCE, now, WS_TOKEN_TTL, None, chance);
        self.keys.sign("ws+jwt", &claims)
    }

    fn bearer(
        &self,
        who: Identity,
        audience: &str,
        now: Timestamp,
        ttl: Duration,
        scope: Option<&str>,
        chance: Chance,
    ) -> AccessClaims {
        AccessClaims {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            sub: *who.user.as_uuid(),
            jti: uuid::Builder::from_random_bytes(chance.bytes()).into_uuid(),
            iat: now.seconds(),
            nbf: None,
            exp: (now + ttl).seconds(),
            sid: *who.session.as_uuid(),
            device_id: *who.device.as_uuid(),
            scope: scope.map(str::to_owned),
        }
    }

    /// The newest refresh token of a session: every claim follows from the row, so that
    /// a repeated request gets the very same token.
    pub fn refresh(
        &self,
        who: Identity,
        rotation: &Rotation,
        auth_time: Timestamp,
    ) -> Result<String, TokenError> {
        let Place { generation, fork } = rotation.newest();
        let claims = RefreshClaims {
            iss: self.issuer.clone(),
            // Its own audience: nobody but this service takes it.
            aud: self.issuer.clone(),
            sub: *who.user.as_uuid(),
            sid: *who.session.as_uuid(),
            device_id: *who.device.as_uuid(),
            jti: format!("{}.{generation}.{fork}", who.session),
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
            identity: identity(claims.sub, claims.sid, claims.device_id),
            issued_at: Timestamp::from_millis(claims.iat.saturating_mul(1000)),
        })
    }

    pub fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<Refresh, TokenError> {
        let claims = self.read_refresh(token)?;
        check_times(claims.iat, claims.nbf, claims.exp, now)?;
        Ok(Refresh {
            identity: identity(claims.sub, claims.sid, claims.device_id),
            place: Place { generation: claims.generation, fork: claims.fork },
        })
    }

    /// Whose account a refresh token, even an expired one, once belonged to: proof
    /// enough for the owners' lane of the limits, and for nothing else.
    #[must_use]
    pub fn former_owner(&self, token: &str) -> Option<UserId> {
        self.read_refresh(token).ok().map(|claims| UserId::from_uuid(claims.sub))
    }

    fn read_refresh(&self, token: &str) -> Result<RefreshClaims, TokenError> {
        self.keys.verify(token, &self.issuer, &self.issuer)
    }
}

fn identity(user: Uuid, session: Uuid, device: Uuid) -> Identity {
    Identity {
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

/// A new key set with a current key, as the variable `JWT_KEYS` takes it.
#[must_use]
pub fn new_jwt_keys() -> String {
    // Of 2^256 values only a sliver is out of range: draw again then.
    let key = loop {
        let bytes = Secret::new(Chance.bytes::<32>());
        if let Ok(key) = SecretKey::from_slice(bytes.expose())
            && let Ok(der) = key.to_pkcs8_der()
        {
            break STANDARD.encode(der.as_bytes());
        }
    };
    json!({ "current": key }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::pkcs8::DecodePrivateKey as _;

    #[test]
    fn a_thumbprint_is_that_of_rfc_7638() {
        // Computed with Python's hashlib over the JWK of RFC 7517 appendix A.1.
        let x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
        let y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
        assert_eq!(thumbprint(x, y), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn keys_come_as_pem_of_both_kinds_or_base64() {
        let made: serde_json::Value = serde_json::from_str(&new_jwt_keys()).unwrap();
        let base64 = made["current"].as_str().unwrap();
        let key = SecretKey::from_pkcs8_der(&STANDARD.decode(base64).unwrap()).unwrap();
        let pkcs8 = key.to_pkcs8_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string();
        let sec1 = key.to_sec1_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string();
        let parse = |key: &str| {
            let set = json!({ "current": key, "next": base64 }).to_string();
            KeySet::parse(&Secret::new(set))
        };
        let kid = parse(base64).unwrap().kid;
        for text in [pkcs8, sec1] {
            assert_eq!(parse(&text).unwrap().kid, kid);
        }
        let other = &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let other = EcdsaKeyPair::generate_pkcs8(other, &SystemRandom::new()).unwrap();
        assert!(parse(&STANDARD.encode(other.as_ref())).is_err(), "a key of another curve");
        for bad in ["", "{}", "[]", r#"{"current":""}"#, r#"{"current":"AAAA"}"#] {
            assert!(KeySet::parse(&Secret::new(bad.to_owned())).is_err(), "{bad}");
        }
    }
}

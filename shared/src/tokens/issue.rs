//! The private signing keys, and the one place where tokens are made.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use domain::principal::Principal;
use domain::session::{Rotation, TokenPosition, expires_at};
use domain::time::Timestamp;
use p256::SecretKey;
use p256::pkcs8::EncodePrivateKey as _;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{AccessClaims, Claims as _, RefreshClaims, WS_TYP};
use super::jwks::{Jwk, PublicKeys};
use super::{TokenError, WS_TOKEN_TTL};
use crate::clock::Rng;
use crate::config::tokens::{WS_AUDIENCE, access_token_ttl};
use crate::config::{EnvReader, TokenConfig};
use crate::secrets::{LiveSecret, SecretName};

const MALFORMED: &str = "must be as `cargo local keys new` prints it";

/// `JWT_KEYS`: the next key is published before it signs, the previous one until its
/// last token has expired.
#[derive(Deserialize)]
struct StoredKeys {
    current: String,
    next: Option<String>,
    previous: Option<String>,
}

/// The keys, parsed once.
pub struct SigningKeys {
    pair: EcdsaKeyPair,
    kid: String,
    public: Arc<PublicKeys>,
}

/// A P-256 key as PEM (PKCS#8 or SEC1) or as base64.
fn parse_key(text: &str) -> Result<EcdsaKeyPair, &'static str> {
    let der = if text.contains("-----BEGIN") {
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| MALFORMED)?;
        SecretSlice::from(der.secret_der().to_vec())
    } else {
        SecretSlice::from(STANDARD.decode(text.trim()).map_err(|_| MALFORMED)?)
    };
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose_secret())
        .map_err(|_| MALFORMED)
}

fn jwk(key: &EcdsaKeyPair) -> Result<Jwk, &'static str> {
    // An uncompressed point is 4, x, y (SEC 1 §2.3.3).
    let (x, y) = match key.public_key().as_ref() {
        [4, point @ ..] => point.split_at_checked(32).ok_or(MALFORMED)?,
        _ => return Err(MALFORMED),
    };
    Ok(Jwk::new(BASE64.encode(x), BASE64.encode(y)))
}

impl SigningKeys {
    /// Reads the variable `JWT_KEYS`.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let stored: StoredKeys =
            serde_json::from_str(text.expose_secret()).map_err(|_| MALFORMED)?;
        let pair = parse_key(&stored.current)?;
        let next = stored.next.as_deref().map(parse_key).transpose()?;
        let previous = stored.previous.as_deref().map(parse_key).transpose()?;
        let all = [next.as_ref(), Some(&pair), previous.as_ref()].into_iter().flatten();
        let jwks: Result<Vec<Jwk>, _> = all.map(jwk).collect();
        let kid = jwk(&pair)?.kid().to_owned();
        Ok(Self { pair, kid, public: Arc::new(PublicKeys::new(jwks?)?) })
    }

    #[must_use]
    pub fn public(&self) -> &Arc<PublicKeys> {
        &self.public
    }

    fn sign<C: Serialize>(&self, typ: &'static str, claims: &C) -> Result<String, TokenError> {
        let failed = TokenError::SigningFailed;
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": typ }).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| failed)?;
        let mut token = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature =
            self.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| failed)?;
        token.push('.');
        token.push_str(&BASE64.encode(signature));
        Ok(token)
    }
}

/// Issues tokens: the private keys with what every token of this service says.
#[derive(Clone)]
pub struct TokenIssuer {
    keys: Arc<LiveSecret<SigningKeys>>,
    config: Arc<TokenConfig>,
    access_ttl: Duration,
}

impl TokenIssuer {
    pub fn read(env: &mut EnvReader, config: &TokenConfig) -> Option<Self> {
        let access_ttl = access_token_ttl(env);
        let keys = env.live_secret(SecretName::JwtKeys, SigningKeys::parse)?;
        Some(Self { keys, config: Arc::new(config.clone()), access_ttl })
    }

    /// The signing keys, for the verifier of the same function and to load them again.
    #[must_use]
    pub fn keys(&self) -> &Arc<LiveSecret<SigningKeys>> {
        &self.keys
    }

    /// `iss` of all tokens: the name of this service.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// How long an access token is valid.
    #[must_use]
    pub const fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    pub fn access(
        &self,
        principal: Principal,
        now: Timestamp,
        rng: Rng,
    ) -> Result<String, TokenError> {
        let audience = &self.config.audience;
        let claims = self.claims(principal, audience, now, self.access_ttl, Some("user"), rng);
        self.keys.current().sign(AccessClaims::TYP, &claims)
    }

    /// A token that opens one web socket at another service.
    pub fn web_socket(
        &self,
        principal: Principal,
        now: Timestamp,
        rng: Rng,
    ) -> Result<String, TokenError> {
        let claims = self.claims(principal, WS_AUDIENCE, now, WS_TOKEN_TTL, None, rng);
        self.keys.current().sign(WS_TYP, &claims)
    }

    fn claims(
        &self,
        principal: Principal,
        audience: &str,
        now: Timestamp,
        ttl: Duration,
        scope: Option<&str>,
        rng: Rng,
    ) -> AccessClaims {
        AccessClaims {
            iss: self.config.issuer.clone(),
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
        let issuer = &self.config.issuer;
        let claims = RefreshClaims {
            iss: issuer.clone(),
            // Its own audience: no other service accepts it.
            aud: issuer.clone(),
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
        self.keys.current().sign(RefreshClaims::TYP, &claims)
    }
}

/// A new key set with a current key, as the variable `JWT_KEYS` holds it.
#[must_use]
pub fn new_jwt_keys() -> String {
    // Of 2^256 values only a few are out of range; another is drawn then.
    let key = loop {
        let bytes = SecretSlice::from(Rng.bytes::<32>().to_vec());
        if let Ok(key) = SecretKey::from_slice(bytes.expose_secret())
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
    fn keys_come_as_pem_of_both_kinds_or_base64() {
        let made: serde_json::Value = serde_json::from_str(&new_jwt_keys()).unwrap();
        let base64 = made["current"].as_str().unwrap();
        let key = SecretKey::from_pkcs8_der(&STANDARD.decode(base64).unwrap()).unwrap();
        let pkcs8 = key.to_pkcs8_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string();
        let sec1 = key.to_sec1_pem(p256::pkcs8::LineEnding::LF).unwrap().to_string();
        let parse = |key: &str| {
            let set = json!({ "current": key, "next": base64 }).to_string();
            SigningKeys::parse(&SecretString::from(set))
        };
        let kid = parse(base64).unwrap().kid;
        for text in [pkcs8, sec1] {
            assert_eq!(parse(&text).unwrap().kid, kid);
        }
        let other = &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let other = EcdsaKeyPair::generate_pkcs8(other, &SystemRandom::new()).unwrap();
        assert!(parse(&STANDARD.encode(other.as_ref())).is_err(), "a key of another curve");
        for bad in ["", "{}", "[]", r#"{"current":""}"#, r#"{"current":"AAAA"}"#] {
            assert!(SigningKeys::parse(&SecretString::from(bad)).is_err(), "{bad}");
        }
    }
}

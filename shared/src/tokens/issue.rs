//! The private signing keys, and the one place where tokens are made.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::EcdsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::principal::Principal;
use domain::session::{Rotation, TokenPosition, expires_at};
use domain::time::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{AccessClaims, Claims as _, RefreshClaims, WS_TYP};
use super::dpop::Confirmation;
use super::jwks::{Jwk, PublicKeys};
use super::key_set::{StoredKeys, jwk, parse_key};
use super::{TokenError, WS_TOKEN_TTL};
use crate::clock::Rng;
use crate::config::tokens::{WS_AUDIENCE, access_token_ttl};
use crate::config::{EnvReader, TokenConfig};
use crate::secrets::{LiveSecret, SecretName};

/// The keys, parsed once.
pub struct SigningKeys {
    pair: EcdsaKeyPair,
    kid: String,
    /// The id of the key that signs after the next rotation.
    next: Option<String>,
    public: Arc<PublicKeys>,
}

impl SigningKeys {
    /// Reads the variable `JWT_KEYS`.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let stored = StoredKeys::parse(text)?;
        let pair = parse_key(&stored.current)?;
        let next = stored.next.as_deref().map(parse_key).transpose()?;
        let current = [next.as_ref(), Some(&pair)].into_iter().flatten();
        let mut valid: Vec<Jwk> = current.map(jwk).collect::<Result<_, _>>()?;
        valid.extend(stored.previous.iter().map(|key| key.key.clone()));
        let retired = stored.retired.iter().map(|key| key.key.clone()).collect();
        let kid = jwk(&pair)?.kid().to_owned();
        let next = next.as_ref().map(jwk).transpose()?.map(|next| next.kid().to_owned());
        Ok(Self { pair, kid, next, public: Arc::new(PublicKeys::new(valid, retired)?) })
    }

    /// The id of the key that signs after the next rotation.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Whether verifiers that know the set `before` accept what this one signs, and this one still
    /// knows all keys of that.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        before.public.contains(&self.kid) && self.public.knows_all_of(&before.public)
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

    /// `binding` is the key that the session is bound to, if it is.
    pub fn access(
        &self,
        principal: Principal,
        binding: Option<&Confirmation>,
        now: Timestamp,
        rng: Rng,
    ) -> Result<String, TokenError> {
        let audience = &self.config.audience;
        let mut claims = self.claims(principal, audience, now, self.access_ttl, rng);
        claims.scope = Some("user".to_owned());
        claims.cnf = binding.cloned();
        self.keys.current().sign(AccessClaims::TYP, &claims)
    }

    /// A token that opens one web socket at another service.
    pub fn web_socket(
        &self,
        principal: Principal,
        now: Timestamp,
        rng: Rng,
    ) -> Result<String, TokenError> {
        let claims = self.claims(principal, WS_AUDIENCE, now, WS_TOKEN_TTL, rng);
        self.keys.current().sign(WS_TYP, &claims)
    }

    fn claims(
        &self,
        principal: Principal,
        audience: &str,
        now: Timestamp,
        ttl: Duration,
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
            scope: None,
            cnf: None,
        }
    }

    /// The newest refresh token of a session: every claim follows from the row and from the token
    /// before, so that a repeated request gets the very same token.
    pub fn refresh(
        &self,
        principal: Principal,
        binding: Option<&Confirmation>,
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
            cnf: binding.cloned(),
        };
        self.keys.current().sign(RefreshClaims::TYP, &claims)
    }
}

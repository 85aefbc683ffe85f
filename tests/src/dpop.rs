//! A client's key for DPoP (RFC 9449), and the proofs that it makes.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::{Client, Service};

/// What the service is told to be reached by.
pub const ORIGIN: &str = "https://auth.example.com";

pub struct DpopKey(EcdsaKeyPair);

impl Default for DpopKey {
    fn default() -> Self {
        Self::new()
    }
}

impl DpopKey {
    /// # Panics
    /// Never: keys can be made.
    #[must_use]
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y) })
    }

    /// The claims of a proof for this request.
    #[must_use]
    pub fn claims(service: &Service, method: &str, path: &str, access: Option<&str>) -> Value {
        let jti = uuid::Builder::from_random_bytes(service.state.core.rng.bytes()).into_uuid();
        let mut claims = json!({
            "jti": jti.to_string(), "htm": method, "htu": format!("{ORIGIN}{path}"),
            "iat": service.now().seconds(),
        });
        if let Some(access) = access {
            claims["ath"] = json!(BASE64.encode(digest(&SHA256, access.as_bytes())));
        }
        claims
    }

    /// # Panics
    /// Never: a key signs.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let part = |value: &Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        format!("{message}.{}", BASE64.encode(signature))
    }

    /// A client whose next request has a proof for this path.
    #[must_use]
    pub fn client(&self, service: &Service, method: &str, path: &str) -> Client {
        let proof = self.sign(&Self::claims(service, method, path, None));
        service.client().with_header("dpop", &proof)
    }

    /// The same with an access token.
    #[must_use]
    pub fn bearer(&self, service: &Service, method: &str, path: &str, access: &str) -> Client {
        let proof = self.sign(&Self::claims(service, method, path, Some(access)));
        let client = service.client().with_header("dpop", &proof);
        client.with_header("authorization", &format!("DPoP {access}"))
    }
}

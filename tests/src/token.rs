//! Tokens taken apart, and put together as a forger would.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

/// Base64url without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes)
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("a part");
    serde_json::from_slice(&BASE64.decode(part).expect("base64")).expect("JSON")
}

/// A token's header.
#[must_use]
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// What a token says.
#[must_use]
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A P-256 key whose owner signs whatever is asked.
pub struct Key {
    fixed: EcdsaKeyPair,
    asn1: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl Key {
    /// A new key.
    #[must_use]
    pub fn new() -> Self {
        let fixed = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let pkcs8 = fixed.to_pkcs8v1().expect("a document").as_ref().to_vec();
        let asn1 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8);
        Self { fixed, asn1: asn1.expect("the same key"), pkcs8 }
    }

    /// The key as it stands in `JWT_KEYS`.
    #[must_use]
    pub fn stored(&self) -> String {
        STANDARD.encode(&self.pkcs8)
    }

    /// `JWT_KEYS` with this as its only key.
    #[must_use]
    pub fn as_jwt_keys(&self) -> String {
        json!({ "current": self.stored() }).to_string()
    }

    /// The uncompressed public point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.fixed.public_key().as_ref()
    }

    /// The public key (RFC 7517), with the members that the thumbprint covers.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (x, y) = self.point()[1..].split_at(32);
        json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
    }

    /// As the key set publishes it.
    #[must_use]
    pub fn published(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["use"] = "sig".into();
        jwk["alg"] = "ES256".into();
        jwk["kid"] = self.kid().into();
        jwk
    }

    /// As `JWT_KEYS` remembers it once it signs no more.
    #[must_use]
    pub fn replaced_at(&self, seconds: i64) -> Value {
        let mut key = self.published();
        key["replacedAt"] = seconds.into();
        key
    }

    /// RFC 7638: SHA-256 over the required members, sorted, without white space.
    #[must_use]
    pub fn kid(&self) -> String {
        let sha256 = &aws_lc_rs::digest::SHA256;
        // serde_json writes the members of an object in their order of the alphabet.
        encode(aws_lc_rs::digest::digest(sha256, self.jwk().to_string().as_bytes()))
    }

    /// The signature as JWS wants it: r and s, 32 bytes each.
    #[must_use]
    pub fn signature(&self, message: &str) -> Vec<u8> {
        let signature = self.fixed.sign(&SystemRandom::new(), message.as_bytes());
        signature.expect("a signature").as_ref().to_vec()
    }

    /// The same as a DER sequence, as other systems write it.
    #[must_use]
    pub fn der_signature(&self, message: &str) -> Vec<u8> {
        let signature = self.asn1.sign(&SystemRandom::new(), message.as_bytes());
        signature.expect("a signature").as_ref().to_vec()
    }

    /// A token of these very texts, rightly signed.
    #[must_use]
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.signature(&message);
        format!("{message}.{}", encode(signature))
    }
}

//! The keys that sign tokens: parsed once, published, and the one way to sign and to verify
//! with them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use p256::SecretKey;
use p256::pkcs8::EncodePrivateKey as _;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use thiserror::Error;

use super::TokenError;
use crate::clock::Rng;

/// A longer string is no token of ours and is not looked at.
const MAX_TOKEN: usize = 4096;
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("is not a JSON object with \"current\" and, if any, \"next\" and \"previous\" keys")]
    Malformed,
    #[error("holds a key that is no P-256 private key (PEM, or base64 of PKCS#8)")]
    Key,
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
        return key_pair(SecretSlice::from(der.secret_der().to_vec()).expose_secret());
    }
    let der = STANDARD.decode(text.trim()).map_err(|_| KeyError::Key)?;
    key_pair(SecretSlice::from(der).expose_secret())
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
    pub fn parse(stored: &SecretString) -> Result<Self, KeyError> {
        let stored: StoredKeys =
            serde_json::from_str(stored.expose_secret()).map_err(|_| KeyError::Malformed)?;
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

    pub(super) fn sign<C: Serialize>(
        &self,
        kind: &'static str,
        claims: &C,
    ) -> Result<String, TokenError> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": kind }).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| TokenError::SigningFailed)?;
        let mut token = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), token.as_bytes())
            .map_err(|_| TokenError::SigningFailed)?;
        token.push('.');
        token.push_str(&BASE64.encode(signature));
        Ok(token)
    }

    pub(super) fn verify<C: Claims>(
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

pub(super) trait Claims: DeserializeOwned + Clone {
    const TYP: &'static str;
    fn issuer(&self) -> &str;
    fn audience(&self) -> &str;
}

/// A new key set with a current key, as the variable `JWT_KEYS` takes it.
#[must_use]
pub fn new_jwt_keys() -> String {
    // Of 2^256 values only a sliver is out of range: draw again then.
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
            KeySet::parse(&SecretString::from(set))
        };
        let kid = parse(base64).unwrap().kid;
        for text in [pkcs8, sec1] {
            assert_eq!(parse(&text).unwrap().kid, kid);
        }
        let other = &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let other = EcdsaKeyPair::generate_pkcs8(other, &SystemRandom::new()).unwrap();
        assert!(parse(&STANDARD.encode(other.as_ref())).is_err(), "a key of another curve");
        for bad in ["", "{}", "[]", r#"{"current":""}"#, r#"{"current":"AAAA"}"#] {
            assert!(KeySet::parse(&SecretString::from(bad.to_owned())).is_err(), "{bad}");
        }
    }
}

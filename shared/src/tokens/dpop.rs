//! Proofs of possession of a key, one for each request (DPoP, RFC 9449). Tokens that are bound to a
//! key are worth nothing without it: `cnf.jkt` in a token names the key by its thumbprint.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

use super::jwks::thumbprint;

/// A longer string is no proof and is not parsed.
const MAX_PROOF: usize = 4096;
const MAX_JTI: usize = 256;
/// How old a proof may be.
const MAX_AGE: i64 = 60;
/// How far the client's clock may run ahead.
const MAX_AHEAD: i64 = 5;
/// The `jti` of a proof is remembered for as long as the proof could be accepted.
pub const REPLAY_WINDOW: Duration = Duration::from_secs((MAX_AGE + MAX_AHEAD) as u64);

/// The confirmation claim of a token that is bound to a key (RFC 7800, RFC 9449 section 6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The thumbprint of the key (RFC 7638).
    pub jkt: String,
}

/// A proof whose signature and claims hold. Whether it was seen before, only the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpopProof {
    pub jkt: String,
    pub jti: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the DPoP proof does not hold")]
pub struct DpopError;

/// What a proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct DpopRequest<'a> {
    pub method: &'a str,
    /// Origins of this service, as clients reach it.
    pub origins: &'a [String],
    /// The path of the request.
    pub path: &'a str,
    /// The access token that comes with it, if any.
    pub access_token: Option<&'a str>,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: ProofKey,
    crit: Option<serde_json::Value>,
    b64: Option<serde_json::Value>,
}

/// The public key of a proof. Other members are ignored, but no private one may be there.
#[derive(Deserialize)]
struct ProofKey {
    kty: String,
    crv: String,
    x: String,
    y: String,
    d: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
}

impl DpopProof {
    /// Checks a proof as RFC 9449, section 4.3, says.
    pub fn verify(text: &str, of: &DpopRequest<'_>, now: Timestamp) -> Result<Self, DpopError> {
        if text.len() > MAX_PROOF {
            return Err(DpopError);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(DpopError)?;
        let (header, claims) = message.split_once('.').ok_or(DpopError)?;
        let header: Header = part(header)?;
        let claims: ProofClaims = part(claims)?;
        let key = &header.jwk;
        let is_plain = header.typ == "dpop+jwt"
            && header.alg == "ES256"
            && header.crit.is_none()
            && header.b64.is_none();
        let is_public_p256 = key.kty == "EC" && key.crv == "P-256" && key.d.is_none();
        if !is_plain || !is_public_p256 {
            return Err(DpopError);
        }
        let decoding = DecodingKey::from_ec_components(&key.x, &key.y).map_err(|_| DpopError)?;
        let is_signed = jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &decoding,
            Algorithm::ES256,
        );
        if !is_signed.map_err(|_| DpopError)? {
            return Err(DpopError);
        }
        let age = now.seconds() - claims.iat;
        let is_recent = (-MAX_AHEAD..=MAX_AGE).contains(&age);
        let is_named = (1..=MAX_JTI).contains(&claims.jti.len());
        let hash = of.access_token.map(|token| BASE64.encode(digest(&SHA256, token.as_bytes())));
        if claims.htm != of.method
            || !of.is_at(&claims.htu)
            || !is_recent
            || !is_named
            || (hash.is_some() && claims.ath != hash)
        {
            return Err(DpopError);
        }
        Ok(Self { jkt: thumbprint(&key.x, &key.y), jti: claims.jti })
    }
}

impl DpopRequest<'_> {
    /// Whether `htu` is this request, without query and fragment. Scheme and host are compared
    /// without regard to case; a default port may be written (RFC 3986, section 6.2).
    fn is_at(&self, htu: &str) -> bool {
        let Ok(htu) = htu.parse::<http::Uri>() else { return false };
        let origin_of = |uri: &http::Uri| {
            let (scheme, host) = (uri.scheme_str()?, uri.host()?);
            let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            let port = uri.port_u16().unwrap_or(default);
            Some((scheme.to_ascii_lowercase(), host.to_ascii_lowercase(), port))
        };
        let named = origin_of(&htu);
        let is_own = |origin: &String| {
            origin.parse().ok().and_then(|origin: http::Uri| origin_of(&origin)) == named
        };
        named.is_some() && htu.path() == self.path && self.origins.iter().any(is_own)
    }
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, DpopError> {
    let bytes = BASE64.decode(text).map_err(|_| DpopError)?;
    // A list would be read into a struct, too.
    if bytes.first() != Some(&b'{') {
        return Err(DpopError);
    }
    serde_json::from_slice(&bytes).map_err(|_| DpopError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    /// RFC 9449, section 4.1.
    const TOKEN_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    /// RFC 9449, section 7.1.
    const RESOURCE_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_vectors_of_the_rfc_hold() {
        let origins = ["https://server.example.com".to_owned()];
        let of =
            DpopRequest { method: "POST", origins: &origins, path: "/token", access_token: None };
        let proof = DpopProof::verify(TOKEN_PROOF, &of, seconds(1_562_262_616)).unwrap();
        assert_eq!(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(proof.jti, "-BwC3ESc6acc2lTc");

        let origins = ["https://resource.example.org".to_owned()];
        let of = DpopRequest {
            method: "GET",
            origins: &origins,
            path: "/protectedresource",
            access_token: Some(ACCESS_TOKEN),
        };
        let proof = DpopProof::verify(RESOURCE_PROOF, &of, seconds(1_562_262_618)).unwrap();
        assert_eq!(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        let other = DpopRequest { access_token: Some("another"), ..of };
        assert!(DpopProof::verify(RESOURCE_PROOF, &other, seconds(1_562_262_618)).is_err());
    }

    struct Key(EcdsaKeyPair);

    impl Key {
        fn new() -> Self {
            Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
        }

        fn jwk(&self) -> Value {
            let point = self.0.public_key().as_ref();
            let (x, y) = point[1..].split_at(32);
            json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y) })
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| BASE64.encode(value.to_string());
            let message = format!("{}.{}", part(header), part(claims));
            let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", BASE64.encode(signature))
        }
    }

    const NOW: i64 = 1_800_000_000;

    fn claims() -> Value {
        json!({ "jti": "one", "htm": "POST", "htu": "https://api.example.com/a", "iat": NOW })
    }

    fn verify(proof: &str) -> Result<DpopProof, DpopError> {
        let origins = ["https://api.example.com".to_owned(), "http://localhost:3001".to_owned()];
        let of = DpopRequest { method: "POST", origins: &origins, path: "/a", access_token: None };
        DpopProof::verify(proof, &of, seconds(NOW))
    }

    #[test]
    fn a_proof_of_another_form_or_request_does_not_hold() {
        let key = Key::new();
        let header = || json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() });
        let with = |mut value: Value, name: &str, to: Value| {
            value[name] = to;
            value
        };
        assert!(verify(&key.sign(&header(), &claims())).is_ok());
        for htu in [
            "https://api.example.com/a?query#fragment",
            "HTTPS://API.EXAMPLE.COM:443/a",
            "http://localhost:3001/a",
        ] {
            assert!(verify(&key.sign(&header(), &with(claims(), "htu", json!(htu)))).is_ok());
        }
        for (name, to) in [
            ("htu", json!("https://api.example.com/b")),
            ("htu", json!("https://evil.example.com/a")),
            ("htu", json!("http://api.example.com/a")),
            ("htu", json!("https://api.example.com:8443/a")),
            ("htu", json!("https://api.example.com/A")),
            ("htu", json!("/a")),
            ("htu", json!("")),
            ("htu", json!(7)),
            ("htm", json!("GET")),
            ("htm", json!("post")),
            ("iat", json!(NOW - 61)),
            ("iat", json!(NOW + 6)),
            ("iat", json!("now")),
            ("jti", json!("")),
            ("jti", json!("x".repeat(257))),
        ] {
            let proof = key.sign(&header(), &with(claims(), name, to.clone()));
            assert!(verify(&proof).is_err(), "{name}: {to}");
        }
        for (name, to) in [
            ("typ", json!("JWT")),
            ("typ", json!("at+jwt")),
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("crit", json!(["x"])),
            ("b64", json!(false)),
            ("jwk", Value::Null),
            ("jwk", Key::new().jwk()),
            ("jwk", with(key.jwk(), "d", json!("AAAA"))),
            ("jwk", with(key.jwk(), "kty", json!("oct"))),
            ("jwk", with(key.jwk(), "crv", json!("P-384"))),
            ("jwk", with(key.jwk(), "x", json!(BASE64.encode([1; 32])))),
            ("jwk", with(key.jwk(), "x", json!(""))),
        ] {
            let proof = key.sign(&with(header(), name, to.clone()), &claims());
            assert!(verify(&proof).is_err(), "{name}: {to}");
        }
        let good = key.sign(&header(), &claims());
        let (message, _) = good.rsplit_once('.').unwrap();
        for broken in ["", ".", "..", "a.b.c", message, &format!("{message}."), &good[1..]] {
            assert!(verify(broken).is_err(), "{broken}");
        }
        assert!(verify(&format!("{good}.")).is_err());
        assert!(verify(&"a".repeat(5000)).is_err());
    }

    #[test]
    fn a_proof_is_remembered_as_long_as_it_could_be_accepted() {
        assert_eq!(REPLAY_WINDOW, Duration::from_secs(65));
    }
}

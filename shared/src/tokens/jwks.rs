//! Public keys: parsed from a JWKS, and published as one (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// A P-256 public key as a JWK writes it (RFC 7518 §6.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    r#use: String,
    alg: String,
    kid: String,
    x: String,
    y: String,
}

impl Jwk {
    /// The key with these coordinates, named by its thumbprint.
    #[must_use]
    pub fn new(x: String, y: String) -> Self {
        let kid = thumbprint(&x, &y);
        let [kty, crv, r#use, alg] = ["EC", "P-256", "sig", "ES256"].map(str::to_owned);
        Self { kty, crv, r#use, alg, kid, x, y }
    }

    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether it is what [`Jwk::new`] makes of its coordinates.
    fn is_consistent(&self) -> bool {
        *self == Self::new(self.x.clone(), self.y.clone())
    }
}

#[derive(Serialize, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// A public key that may have signed a token.
struct PublicKey {
    kid: String,
    key: DecodingKey,
}

/// All keys whose tokens are accepted, and the document that publishes them.
pub struct PublicKeys {
    keys: Vec<PublicKey>,
    document: String,
}

const MALFORMED: &str = "must be a JWKS of P-256 keys, as `cargo local keys new` prints it";

impl PublicKeys {
    pub fn new(jwks: Vec<Jwk>) -> Result<Self, &'static str> {
        let keys: Result<Vec<_>, _> = jwks
            .iter()
            .map(|jwk| {
                let key = DecodingKey::from_ec_components(&jwk.x, &jwk.y);
                key.map(|key| PublicKey { kid: jwk.kid.clone(), key }).map_err(|_| MALFORMED)
            })
            .collect();
        let document = serde_json::to_string(&Jwks { keys: jwks }).map_err(|_| MALFORMED)?;
        Ok(Self { keys: keys?, document })
    }

    /// Reads the variable `JWT_PUBLIC_KEYS`.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let Jwks { keys } = serde_json::from_str(text.expose_secret()).map_err(|_| MALFORMED)?;
        let on_curve = |jwk: &Jwk| {
            let coordinate = |text: &str| BASE64.decode(text).ok().filter(|c| c.len() == 32);
            let (Some(x), Some(y)) = (coordinate(&jwk.x), coordinate(&jwk.y)) else { return false };
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            p256::PublicKey::from_sec1_bytes(&point).is_ok()
        };
        if keys.is_empty() || !keys.iter().all(|jwk| jwk.is_consistent() && on_curve(jwk)) {
            return Err(MALFORMED);
        }
        Self::new(keys)
    }

    /// The key set as clients fetch it.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|known| known.kid == kid).map(|known| &known.key)
    }
}

/// RFC 7638: SHA-256 of the required members in lexical order.
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

    #[test]
    fn a_thumbprint_is_that_of_rfc_7638() {
        // Computed with Python's hashlib over the JWK of RFC 7517 appendix A.1.
        assert_eq!(thumbprint(X, Y), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn a_key_set_is_read_as_it_is_published_and_nothing_else_is() {
        let read = |text: &str| PublicKeys::parse(&SecretString::from(text));
        let set = PublicKeys::new(vec![Jwk::new(X.to_owned(), Y.to_owned())]).unwrap();
        assert_eq!(read(set.document()).unwrap().document(), set.document());
        let other_kid = set.document().replace("cn-I", "cn-J");
        let off_the_curve = PublicKeys::new(vec![Jwk::new(Y.to_owned(), X.to_owned())]).unwrap();
        for bad in ["", "{}", r#"{"keys":[]}"#, &other_kid, off_the_curve.document()] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

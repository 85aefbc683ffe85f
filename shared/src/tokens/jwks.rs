//! Public keys: parsed from a JWKS, and published as one (RFC 7517).
//!
//! A key is published while tokens that it signed can be valid. Then it is *retired*: it still
//! tells whose an earlier token was, and nothing else, so that who steals an old private key can
//! sign nobody in.

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

    /// Whether it is what [`Jwk::new`] makes of its coordinates, and a point of the curve.
    pub(super) fn is_valid(&self) -> bool {
        let coordinate = |text: &str| BASE64.decode(text).ok().filter(|c| c.len() == 32);
        let (Some(x), Some(y)) = (coordinate(&self.x), coordinate(&self.y)) else { return false };
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        *self == Self::new(self.x.clone(), self.y.clone())
            && p256::PublicKey::from_sec1_bytes(&point).is_ok()
    }
}

/// A key set. `retired` is for this service alone: the published document leaves it out.
#[derive(Serialize, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<Jwk>,
}

/// A public key that may have signed a token.
struct PublicKey {
    kid: String,
    key: DecodingKey,
}

/// All keys whose tokens are accepted, the document that publishes them, and retired keys.
pub struct PublicKeys {
    keys: Vec<PublicKey>,
    retired: Vec<PublicKey>,
    document: String,
    stored: String,
}

const MALFORMED: &str = "must be a JWKS of P-256 keys, as `cargo local keys new` prints it";

impl PublicKeys {
    pub fn new(keys: Vec<Jwk>, retired: Vec<Jwk>) -> Result<Self, &'static str> {
        let parse = |jwks: &[Jwk]| -> Result<Vec<PublicKey>, &'static str> {
            let parse = |jwk: &Jwk| {
                let key = DecodingKey::from_ec_components(&jwk.x, &jwk.y);
                key.map(|key| PublicKey { kid: jwk.kid.clone(), key }).map_err(|_| MALFORMED)
            };
            jwks.iter().map(parse).collect()
        };
        let text = |jwks: &Jwks| serde_json::to_string(jwks).map_err(|_| MALFORMED);
        let (valid, old) = (parse(&keys)?, parse(&retired)?);
        let stored = Jwks { keys, retired };
        let published = Jwks { retired: Vec::new(), keys: stored.keys.clone() };
        let (document, stored) = (text(&published)?, text(&stored)?);
        Ok(Self { keys: valid, retired: old, document, stored })
    }

    /// Reads the variable `JWT_PUBLIC_KEYS`.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let Jwks { keys, retired } =
            serde_json::from_str(text.expose_secret()).map_err(|_| MALFORMED)?;
        let mut all = keys.iter().chain(&retired);
        if keys.is_empty() || !all.all(Jwk::is_valid) {
            return Err(MALFORMED);
        }
        Self::new(keys, retired)
    }

    /// The key set as clients fetch it.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }

    /// The variable `JWT_PUBLIC_KEYS`: the key set, and the retired keys.
    #[must_use]
    pub fn stored(&self) -> &str {
        &self.stored
    }

    /// Whether tokens of the key with this id are accepted.
    #[must_use]
    pub fn contains(&self, kid: &str) -> bool {
        self.find(kid).is_some()
    }

    /// Whether no valid key of `others` is unknown, though it may be retired.
    pub(super) fn knows_all_of(&self, others: &Self) -> bool {
        others.keys.iter().all(|key| self.find_retired(&key.kid).is_some())
    }

    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|known| known.kid == kid).map(|known| &known.key)
    }

    /// The same among retired keys too: for tokens that need not be valid any more.
    pub(super) fn find_retired(&self, kid: &str) -> Option<&DecodingKey> {
        let mut all = self.keys.iter().chain(&self.retired);
        all.find(|known| known.kid == kid).map(|known| &known.key)
    }
}

/// RFC 7638: SHA-256 of the required members in lexical order.
pub(super) fn thumbprint(x: &str, y: &str) -> String {
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
        let key = || vec![Jwk::new(X.to_owned(), Y.to_owned())];
        let set = PublicKeys::new(key(), Vec::new()).unwrap();
        assert_eq!(read(set.document()).unwrap().document(), set.document());
        let with_retired = PublicKeys::new(key(), key()).unwrap();
        assert_eq!(read(with_retired.stored()).unwrap().stored(), with_retired.stored());
        assert_eq!(with_retired.document(), set.document());
        let other_kid = set.document().replace("cn-I", "cn-J");
        let off_the_curve = PublicKeys::new(vec![Jwk::new(Y.to_owned(), X.to_owned())], Vec::new());
        let off_the_curve = off_the_curve.unwrap();
        for bad in ["", "{}", r#"{"keys":[]}"#, &other_kid, off_the_curve.document()] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

//! Forged tokens, each refused everywhere and without a trace. Where the signature must be
//! right for the rest to be looked at, the service's own key has made it.

use super::{BEARER, PHONE, as_bearer};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use std::time::Duration;
use tests::token::{Key, claims, encode, header};
use tests::{Service, Session};

/// The order of P-256's group: s and n − s are the same signature.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// What a forger starts from: a token of the service, its key, and a key of their own.
struct Forger<'a> {
    token: &'a str,
    header: Value,
    claims: Value,
    key: &'a Key,
    own: Key,
}

impl<'a> Forger<'a> {
    fn new(key: &'a Key, token: &'a str) -> Self {
        Self { token, header: header(token), claims: claims(token), key, own: Key::new() }
    }

    /// The header or the claims with some members set, or taken away by `null`.
    fn with(of: &Value, changes: &Value) -> String {
        let mut changed = of.clone();
        for (name, value) in changes.as_object().expect("members") {
            if value.is_null() {
                changed.as_object_mut().expect("members").remove(name);
            } else {
                changed[name] = value.clone();
            }
        }
        changed.to_string()
    }

    /// Another header, signed by the service's own key.
    fn header(&self, changes: &Value) -> String {
        self.key.sign(&Self::with(&self.header, changes), &self.claims.to_string())
    }

    /// Other claims, signed by the service's own key.
    fn claims(&self, changes: &Value) -> String {
        self.key.sign(&self.header.to_string(), &Self::with(&self.claims, changes))
    }

    /// The header as this text, signed by the service's own key.
    fn header_text(&self, header: &str) -> String {
        self.key.sign(header, &self.claims.to_string())
    }

    /// The header that offers the forger's key, signed by it.
    fn offering(&self, changes: &Value) -> String {
        self.own.sign(&Self::with(&self.header, changes), &self.claims.to_string())
    }

    fn message(&self) -> &str {
        self.token.rsplit_once('.').expect("a signature").0
    }

    /// The token's own text under another signature.
    fn signed(&self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.message(), encode(signature))
    }

    fn halves(&self) -> (Vec<u8>, Vec<u8>) {
        let signature = self.key.signature(self.message());
        let (r, s) = signature.split_at(32);
        (r.to_vec(), s.to_vec())
    }

    fn signatures(&self) -> Vec<(&'static str, String)> {
        let (r, s) = self.halves();
        let zero = vec![0; 32];
        let own_message = self.own.signature(self.message());
        let mut flipped = [r.clone(), s.clone()].concat();
        flipped[40] ^= 1;
        vec![
            ("another key under our id", self.signed(own_message)),
            ("swapped r and s", self.signed([s.clone(), r.clone()].concat())),
            ("r = 0", self.signed([zero.clone(), s.clone()].concat())),
            ("s = 0", self.signed([r.clone(), zero.clone()].concat())),
            ("r = s = 0", self.signed([zero.clone(), zero].concat())),
            ("r = n", self.signed([ORDER.to_vec(), s.clone()].concat())),
            ("s = n", self.signed([r.clone(), ORDER.to_vec()].concat())),
            ("one bit of s", self.signed(flipped)),
            ("DER in place of r and s", self.signed(self.key.der_signature(self.message()))),
            ("r and s with a zero in front", self.signed([&[0], &r[..], &[0], &s[..]].concat())),
            ("63 bytes", self.signed(&[r.clone(), s.clone()].concat()[..63])),
            ("65 bytes", self.signed([&r[..], &s[..], &[0]].concat())),
            ("no signature", self.signed("")),
        ]
    }

    fn algorithms(&self) -> Vec<(&'static str, String)> {
        let none = |alg: &str| {
            let header = Self::with(&self.header, &json!({ "alg": alg }));
            format!("{}.{}.", encode(header), encode(self.claims.to_string()))
        };
        let hs256 = |secret: &[u8]| {
            let header = Self::with(&self.header, &json!({ "alg": "HS256" }));
            let message = format!("{}.{}", encode(header), encode(self.claims.to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            format!("{message}.{}", encode(tag))
        };
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
        let es384 = |alg: &str| {
            let header = Self::with(&self.header, &json!({ "alg": alg }));
            let message = format!("{}.{}", encode(header), encode(self.claims.to_string()));
            let signature = p384.sign(&SystemRandom::new(), message.as_bytes()).expect("one");
            format!("{message}.{}", encode(signature))
        };
        let jwk = self.key.jwk().to_string();
        vec![
            ("alg none", none("none")),
            ("alg None", none("None")),
            ("alg none with our signature", self.header(&json!({ "alg": "none" }))),
            ("HS256 with the public point as secret", hs256(self.key.point())),
            ("HS256 with the public JWK as secret", hs256(jwk.as_bytes())),
            ("HS256 with no secret", hs256(b"")),
            ("ES384 on its own curve", es384("ES384")),
            ("a P-384 signature called ES256", es384("ES256")),
            ("our signature called ES384", self.header(&json!({ "alg": "ES384" }))),
            ("alg in small letters", self.header(&json!({ "alg": "es256" }))),
            ("no alg", self.header(&json!({ "alg": null }))),
            ("alg as a list", self.header(&json!({ "alg": ["ES256"] }))),
        ]
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let jwk = || {
            let mut jwk = self.own.jwk();
            jwk["kid"] = self.own.kid().into();
            jwk
        };
        let url = "https://attacker.example/jwks.json";
        let kid = self.header["kid"].as_str().expect("a kid");
        let typ = self.header["typ"].as_str().expect("a typ");
        let twice = |first: &str, second: &str| {
            self.header_text(&format!(r#"{{"alg":"ES256","typ":"{typ}",{first},{second}}}"#))
        };
        let ours = format!(r#""kid":"{kid}""#);
        vec![
            ("jwk of the forger", self.offering(&json!({ "jwk": jwk() }))),
            ("jwk and its kid", self.offering(&json!({ "jwk": jwk(), "kid": self.own.kid() }))),
            ("jku of the forger", self.offering(&json!({ "jku": url, "kid": self.own.kid() }))),
            ("jku under our kid", self.offering(&json!({ "jku": url }))),
            ("x5u of the forger", self.offering(&json!({ "x5u": url, "kid": self.own.kid() }))),
            ("x5c of the forger", self.offering(&json!({ "x5c": ["AAAA"] }))),
            ("crit with an unknown extension", self.header(&json!({ "crit": ["exp"], "exp": 1 }))),
            ("crit b64", self.header(&json!({ "crit": ["b64"], "b64": false }))),
            ("an empty crit", self.header(&json!({ "crit": [] }))),
            ("b64 false", self.header(&json!({ "b64": false }))),
            ("an unknown kid", self.header(&json!({ "kid": self.own.kid() }))),
            ("no kid", self.header(&json!({ "kid": null }))),
            ("an empty kid", self.header(&json!({ "kid": "" }))),
            ("a kid as a path", self.header(&json!({ "kid": "../../dev/null" }))),
            ("a kid as a number", self.header(&json!({ "kid": 0 }))),
            ("typ JWT", self.header(&json!({ "typ": "JWT" }))),
            (
                "typ with its media type",
                self.header(&json!({ "typ": format!("application/{typ}") })),
            ),
            ("typ in capitals", self.header(&json!({ "typ": typ.to_uppercase() }))),
            ("no typ", self.header(&json!({ "typ": null }))),
            ("two kids, ours last", twice(r#""kid":"x""#, &ours)),
            ("two kids, ours first", twice(&ours, r#""kid":"x""#)),
            ("two algs", twice(&ours, r#""alg":"none""#)),
            ("a header as a list", self.header_text(&json!(["ES256", typ, kid]).to_string())),
            ("a header with more behind", self.header_text(&format!("{}{{}}", self.header))),
        ]
    }

    fn contents(&self) -> Vec<(&'static str, String)> {
        let audience = &self.claims["aud"];
        let text = |claims: String| self.key.sign(&self.header.to_string(), &claims);
        let open = self.claims.to_string();
        let open = open.trim_end_matches('}');
        let mut all = vec![
            ("a wrong iss", self.claims(&json!({ "iss": "whispr" }))),
            ("a listed iss", self.claims(&json!({ "iss": ["whispr-auth"] }))),
            ("a wrong aud", self.claims(&json!({ "aud": "whispr-web" }))),
            ("an empty aud", self.claims(&json!({ "aud": "" }))),
            ("a listed aud", self.claims(&json!({ "aud": [audience] }))),
            ("a list of audiences", self.claims(&json!({ "aud": [audience, "whispr-web"] }))),
            ("sub as no UUID", self.claims(&json!({ "sub": "admin" }))),
            ("sid as no UUID", self.claims(&json!({ "sid": "" }))),
            ("exp as text", self.claims(&json!({ "exp": "4102444800" }))),
            ("exp as a fraction", self.claims(&json!({ "exp": 4_102_444_800.5 }))),
            ("exp beyond all numbers", text(format!("{open},\"exp\":1e400}}"))),
            ("aud twice", text(format!("{open},\"aud\":{audience}}}"))),
            ("exp twice", text(format!("{open},\"exp\":4102444800}}"))),
            ("sid twice", text(format!("{open},\"sid\":{}}}", self.claims["sid"]))),
            ("claims as a list", text(json!([self.claims]).to_string())),
            ("no claims", text("{}".to_owned())),
            ("empty claims", text(String::new())),
            ("claims with more behind", text(format!("{}{{}}", self.claims))),
        ];
        for name in ["iss", "aud", "sub", "sid", "deviceId", "jti", "iat", "exp"] {
            all.push(("a missing claim", self.claims(&json!({ name: null }))));
        }
        all
    }

    fn texts(&self) -> Vec<(&'static str, String)> {
        let token = self.token;
        let parts: Vec<_> = token.split('.').collect();
        let (head, body, signature) = (parts[0], parts[1], parts[2]);
        let long = self.claims(&json!({ "more": "x".repeat(8_000) }));
        vec![
            ("cut short", token[..token.len() - 1].to_owned()),
            ("cut in the middle", token[..token.len() / 2].to_owned()),
            ("one character more", format!("{token}A")),
            ("one part more", format!("{token}.{signature}")),
            ("an empty part more", format!("{token}.")),
            ("a part in front", format!("{head}.{token}")),
            ("a dot in front", format!(".{token}")),
            ("two parts", format!("{head}.{body}")),
            ("one part", head.to_owned()),
            ("no header", format!(".{body}.{signature}")),
            ("no claims part", format!("{head}..{signature}")),
            ("dots", "..".to_owned()),
            ("padding behind the signature", format!("{token}==")),
            ("padding behind the header", format!("{head}==.{body}.{signature}")),
            ("a signature in the other alphabet", format!("{head}.{body}.{}", "+/".repeat(43))),
            ("a line break inside", format!("{head}.\n{body}.{signature}")),
            ("claims of another token", {
                let mut other = self.claims.clone();
                other["sub"] = "0190a5d0-0000-7000-8000-000000000000".into();
                format!("{head}.{}.{signature}", encode(other.to_string()))
            }),
            ("very long, though rightly signed", long),
            ("very long", "A".repeat(60_000)),
            ("encryption's five parts", format!("{head}.{body}.{signature}.{body}.{head}")),
            ("not ASCII", format!("{head}.{body}.{signature}é")),
            ("not ASCII in the header", format!("é{token}")),
        ]
    }

    fn times(&self, now: i64) -> Vec<(&'static str, String, &'static str)> {
        vec![
            ("expired now", self.claims(&json!({ "exp": now })), "token_expired"),
            ("expired by a second", self.claims(&json!({ "exp": now - 1 })), "token_expired"),
            ("expired long ago", self.claims(&json!({ "exp": 0 })), "token_expired"),
            ("expired before time", self.claims(&json!({ "exp": i64::MIN })), "token_expired"),
            ("issued 61 s ahead", self.claims(&json!({ "iat": now + 61 })), "token_invalid"),
            ("issued at the end", self.claims(&json!({ "iat": i64::MAX })), "token_invalid"),
            ("not valid yet", self.claims(&json!({ "nbf": now + 1 })), "token_invalid"),
        ]
    }

    fn all(&self, now: i64) -> Vec<(&'static str, String, &'static str)> {
        let plain =
            [self.signatures(), self.algorithms(), self.headers(), self.contents(), self.texts()];
        let plain = plain.into_iter().flatten().map(|(name, token)| (name, token, "token_invalid"));
        plain.chain(self.times(now)).collect()
    }
}

/// Forgeries of an access token of this service, by what is wrong with each.
pub fn forged_access_tokens(key: &Key, token: &str, now: i64) -> Vec<(&'static str, String)> {
    let forger = Forger::new(key, token);
    let scopes = [("another scope", json!("admin")), ("no scope", Value::Null)];
    let scopes = scopes.map(|(name, scope)| (name, forger.claims(&json!({ "scope": scope }))));
    forger.all(now).into_iter().map(|(name, token, _)| (name, token)).chain(scopes).collect()
}

/// A service whose key the forgers have somehow got to sign for them, and a session.
async fn robbed() -> (Service, Key, Session) {
    let key = Key::new();
    let variables = [("JWT_KEYS", &*key.as_jwt_keys()), ("RATE_LIMITS", "off")];
    let service = Service::with(&variables).await;
    let session = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_secs(5));
    (service, key, session)
}

#[tokio::test]
async fn forged_access_tokens_are_refused() {
    let (service, key, session) = robbed().await;
    let client = service.client();
    let forger = Forger::new(&key, &session.access);
    let mut forgeries = forger.all(service.now().seconds());
    for (name, scope) in [("another scope", json!("admin")), ("no scope", Value::Null)] {
        forgeries.push((name, forger.claims(&json!({ "scope": scope })), "token_invalid"));
    }
    assert!(forgeries.len() > 90, "{}", forgeries.len());
    for (name, token, code) in &forgeries {
        if http::HeaderValue::from_str(&format!("Bearer {token}")).is_err() {
            continue; // cannot be sent at all
        }
        let reply = as_bearer(&client, BEARER[0], token).await;
        // Characters beyond ASCII are no token68 (RFC 6750 §2.1): there is none.
        let code = if token.is_ascii() { code } else { "token_missing" };
        assert_eq!((reply.status.as_u16(), &*reply.code()), (401, code), "{name}");
    }
    for (_, token, _) in forgeries.iter().take(5) {
        for path in BEARER {
            let _ = as_bearer(&client, path, token).await.expect(401);
        }
    }
    let _ = client.ws_token(&session.access).await.expect(200);
}

#[tokio::test]
async fn forged_refresh_tokens_are_refused_and_change_nothing() {
    let (service, key, session) = robbed().await;
    let client = service.client();
    let row = "SELECT s.*, (SELECT count(*) FROM auth.outbox) AS outbox FROM auth.sessions s";
    let before = service.rows(row).await;
    let forger = Forger::new(&key, &session.refresh);
    let mut forgeries = forger.all(service.now().seconds());
    for (name, changes) in [
        ("no generation", json!({ "gen": null })),
        ("no fork", json!({ "fork": null })),
        ("no log-in time", json!({ "auth_time": null })),
        ("a generation beyond all numbers", json!({ "gen": 1_u64 << 40 })),
        ("a generation as text", json!({ "gen": "0" })),
    ] {
        forgeries.push((name, forger.claims(&changes), "token_invalid"));
    }
    for (name, token, code) in &forgeries {
        let reply = client.refresh(token).await;
        assert_eq!((reply.status.as_u16(), &*reply.code()), (401, *code), "{name}");
    }
    assert_eq!(service.rows(row).await, before, "a forgery changed the session");
    let _ = client.refresh(&session.refresh).await.expect(200);
}

/// The other half of the table: what looks odd but is good, so that the refusals above are
/// not refusals of everything.
#[tokio::test]
async fn what_the_standards_allow_is_taken() {
    let (service, key, session) = robbed().await;
    let client = service.client();
    let now = service.now().seconds();
    let forger = Forger::new(&key, &session.access);
    let reversed = format!(
        r#"{{ "typ":"at+jwt", "kid":"{}" ,"alg":"ES256"}}"#,
        forger.header["kid"].as_str().unwrap()
    );
    for (name, token) in [
        ("signed once more", forger.claims(&json!({}))),
        ("issued 60 s ahead", forger.claims(&json!({ "iat": now + 60 }))),
        ("expiring in a second", forger.claims(&json!({ "exp": now + 1 }))),
        ("valid from now", forger.claims(&json!({ "nbf": now }))),
        ("an unknown claim", forger.claims(&json!({ "azp": "web" }))),
        ("an unknown header", forger.header(&json!({ "x": 1 }))),
        ("jku with our own key", forger.header(&json!({ "jku": "https://attacker.example" }))),
        ("another order and white space", forger.header_text(&reversed)),
    ] {
        let reply = client.ws_token(&token).await;
        assert_eq!(reply.status.as_u16(), 200, "{name}: {}", reply.json());
    }
}

/// A token of a user who does not own the session: the key is right, the row is not theirs.
#[tokio::test]
async fn a_session_serves_its_own_user_alone() {
    let (service, key, session) = robbed().await;
    let client = service.client();
    let other = client.sign_up("+33687654321").await;
    let mut made = claims(&session.refresh);
    made["sub"] = claims(&other.refresh)["sub"].clone();
    let made = key.sign(&header(&session.refresh).to_string(), &made.to_string());
    client.refresh(&made).await.refused(401, "session_ended");
    for session in [&session, &other] {
        let _ = client.refresh(&session.refresh).await.expect(200);
    }
}

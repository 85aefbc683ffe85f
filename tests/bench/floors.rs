//! Bare cryptography, and the service's own steps without HTTP around them, all on this
//! thread and one after the other.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use domain::ids::{DeviceId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::prekey::{
    IdentityKey, KeyId, KyberKey, KyberPrekey, PublicKey, Signature, SignedPrekey,
};
use domain::principal::Principal;
use domain::session::Rotation;
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _};
use http::{Request, header};
use local::service::ServiceState;
use serde_json::Value;
use shared::clock::Clock;
use shared::limits::{LimitsConfig, RateLimitCheck};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use tests::Keys;
use tower::ServiceExt as _;

use crate::directory::ids;
use crate::figures::{Sample, cpu_of, cpu_of_async};
use crate::server::check_access;
use crate::start::alive;

const TIMES: usize = 1000;
/// About as long as an access token, which is what is signed.
const MESSAGE: usize = 500;

pub struct Floors {
    state: ServiceState,
    pair: EcdsaKeyPair,
    router: Router,
    signed: Signed,
}

impl Floors {
    pub async fn new(variables: &HashMap<String, String>) -> Self {
        let variables = variables.clone();
        let lookup = Arc::new(move |name: &str| variables.get(name).cloned());
        let state = ServiceState::read(lookup, Clock::System).await.expect("a configuration");
        let routes = Router::new()
            .route("/bench/access", get(check_access))
            .route("/bench/alive", get(alive))
            .with_state(state.prekeys.clone());
        let router = shared::http::serve(routes, state.core.clone());
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { state, pair, router, signed: Signed::new() }
    }

    pub async fn round(&self) -> Vec<(&'static str, Sample)> {
        let message = [7; MESSAGE];
        let random = SystemRandom::new();
        let sign = || self.pair.sign(&random, &message).expect("a signature");
        let signature = sign();
        let bytes = self.pair.public_key().as_ref();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).expect("a key");
        let verify = || key.verify_sig(&message, signature.as_ref()).expect("it is signed");

        let (issuer, verifier) = (&self.state.login.issuer, &self.state.login.verifier);
        let now = self.state.core.clock.now();
        let rng = self.state.core.rng;
        // New each time: its copy in Redis lives a minute.
        let principal = Principal {
            user: UserId::new(now, &rng.bytes()),
            session: SessionId::new(now, &rng.bytes()),
            device: DeviceId::new(now, &rng.bytes()),
        };
        let rotation = Rotation::first(now);
        let issue_access = || issuer.access(principal, None, now, rng).expect("a token");
        let issue_refresh = || issuer.refresh(principal, None, &rotation, now).expect("a token");
        let (access, refresh) = (issue_access(), issue_refresh());
        let [ed25519, fresh, list] = self.signed.round();
        vec![
            ("verify", cpu_of(TIMES, verify)),
            ("sign", cpu_of(TIMES, sign)),
            ("verify_access", cpu_of(TIMES, || verifier.verify_access(&access, now).is_ok())),
            ("verify_refresh", cpu_of(TIMES, || verifier.verify_refresh(&refresh, now).is_ok())),
            ("sign_access", cpu_of(TIMES, issue_access)),
            ("sign_refresh", cpu_of(TIMES, issue_refresh)),
            ("ed25519", ed25519),
            ("check_fresh", fresh),
            ("check", list),
            ("parse_phone", cpu_of(TIMES, || PhoneNumber::parse("+33 6 12 34 56 78").is_ok())),
            ("edge_inside", self.inside("/bench/alive", &access).await),
            ("access_inside", self.access_inside(principal, &access).await),
        ]
    }

    /// The access check, its copy of the session in Redis.
    async fn access_inside(&self, principal: Principal, access: &str) -> Sample {
        let (limits, status) = (LimitsConfig::default(), OnceLock::new());
        let check = RateLimitCheck::new(&limits, self.state.core.clock.now(), &[], &status);
        let (user, session) = (principal.user, principal.session);
        let checked = self.state.core.cache.check_live_access(user, session, &check).await;
        checked.expect("Redis answers");
        self.inside("/bench/access", access).await
    }

    /// A request through edge and router, without HTTP/1.1.
    async fn inside(&self, path: &str, access: &str) -> Sample {
        cpu_of_async(TIMES, async || {
            let request = Request::get(path)
                .header(header::AUTHORIZATION, format!("Bearer {access}"))
                .body(Body::empty())
                .expect("a request");
            let answer = self.router.clone().oneshot(request).await.expect("infallible");
            assert!(answer.status().is_success(), "{}", answer.status());
        })
        .await
    }
}

/// The signed keys of a device, as the service reads them.
struct Signed {
    identity: IdentityKey,
    prekey: SignedPrekey,
    kyber: Vec<KyberPrekey>,
}

impl Signed {
    fn new() -> Self {
        let keys = Keys::new();
        let text = |json: &Value, name: &str| json[name].as_str().expect("text").to_owned();
        let id = |json: &Value| KeyId::new(json["keyId"].as_i64().unwrap_or_default());
        let signature = |json: &Value| Signature::parse(text(json, "signature")).expect("64 bytes");
        let signed = keys.signed_prekey(1);
        let kyber = keys.kyber_prekeys(ids(0)).into_iter().map(|json| KyberPrekey {
            id: id(&json).expect("an id"),
            key: KyberKey::parse(&text(&json, "publicKey")).expect("a key"),
            signature: signature(&json),
        });
        Self {
            identity: IdentityKey::parse(keys.identity()).expect("a key"),
            prekey: SignedPrekey {
                id: id(&signed).expect("an id"),
                key: PublicKey::parse(text(&signed, "publicKey")).expect("a key"),
                signature: signature(&signed),
            },
            kyber: kyber.collect(),
        }
    }

    /// Bare Ed25519 over as many bytes, a signed prekey with a verifier of its own, and each
    /// of a hundred Kyber keys with one.
    fn round(&self) -> [Sample; 3] {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (public, message) = (key.verifying_key(), self.kyber[0].key.as_bytes());
        let signature = key.sign(message);
        let bare = || public.verify(message, &signature).expect("it is signed");
        let fresh = || assert!(self.prekey.is_signed_by(&self.identity.verifier()));
        let mut verifier = self.identity.verifier();
        let mut next = self.kyber.iter().cycle().enumerate();
        let each = || {
            let (n, key) = next.next().expect("a cycle");
            if n % self.kyber.len() == 0 {
                verifier = self.identity.verifier();
            }
            assert!(key.is_signed_by(&verifier));
        };
        [cpu_of(TIMES, bare), cpu_of(TIMES, fresh), cpu_of(TIMES, each)]
    }
}

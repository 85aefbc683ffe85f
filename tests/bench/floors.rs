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
use domain::session::Rotation;
use http::{Request, header};
use shared::app::App;
use shared::config::Config;
use shared::signing::Identity;
use std::collections::HashMap;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

use crate::figures::{Sample, cpu_of, cpu_of_async};
use crate::server::check_access;
use crate::start::alive;

const TIMES: usize = 1000;
/// About as long as an access token, which is what is signed.
const MESSAGE: usize = 500;

pub struct Floors {
    app: App,
    pair: EcdsaKeyPair,
    router: Router,
}

impl Floors {
    pub fn new(variables: &HashMap<String, String>) -> Self {
        let config = Config::from_lookup(|name| variables.get(name).cloned());
        let app = App::new(config.expect("a configuration")).expect("the parts");
        let routes = OpenApiRouter::new()
            .route("/bench/access", get(check_access))
            .route("/bench/alive", get(alive));
        let router = shared::http::serve(routes, app.clone());
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { app, pair, router }
    }

    pub async fn round(&self) -> Vec<(&'static str, Sample)> {
        let message = [7; MESSAGE];
        let random = SystemRandom::new();
        let sign = || self.pair.sign(&random, &message).expect("a signature");
        let signature = sign();
        let bytes = self.pair.public_key().as_ref();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).expect("a key");
        let verify = || key.verify_sig(&message, signature.as_ref()).expect("it is signed");

        let (signing, now) = (&self.app.signing, self.app.clock.now());
        let chance = self.app.chance;
        // New each time: its copy in Redis lives a minute.
        let who = Identity {
            user: UserId::new(now, &chance.bytes()),
            session: SessionId::new(now, &chance.bytes()),
            device: DeviceId::new(now, &chance.bytes()),
        };
        let rotation = Rotation::first(now);
        let issue_access = || signing.access(who, now, chance).expect("a token");
        let issue_refresh = || signing.refresh(who, &rotation, now).expect("a token");
        let (access, refresh) = (issue_access(), issue_refresh());
        vec![
            ("verify", cpu_of(TIMES, verify)),
            ("sign", cpu_of(TIMES, sign)),
            ("verify_access", cpu_of(TIMES, || signing.verify_access(&access, now).is_ok())),
            ("verify_refresh", cpu_of(TIMES, || signing.verify_refresh(&refresh, now).is_ok())),
            ("sign_access", cpu_of(TIMES, issue_access)),
            ("sign_refresh", cpu_of(TIMES, issue_refresh)),
            ("parse_phone", cpu_of(TIMES, || PhoneNumber::parse("+33 6 12 34 56 78").is_ok())),
            ("edge_inside", self.inside("/bench/alive", &access).await),
            ("access_inside", self.access_inside(who, &access).await),
        ]
    }

    /// The access check, its copy of the session in Redis.
    async fn access_inside(&self, who: Identity, access: &str) -> Sample {
        self.app.cache.mark_alive(who.session).await.expect("Redis answers");
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

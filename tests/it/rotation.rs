//! Rotations of keys against a local AWS, with the steps in the order of Secrets Manager, while the
//! service is used: no valid token is refused, and none is signed by a key that somebody who
//! still has older public keys does not know.

use ::aws::Aws;
use aws_sdk_secretsmanager::types::Tag;
use domain::time::Timestamp;
use rotate_keys::{RotationError, RotationEvent, RotationState, Step, rotate};
use secrecy::{ExposeSecret as _, SecretString};
use shared::clock::{Clock, Rng};
use shared::crypto::PepperSet;
use shared::secrets::REFRESH_AFTER;
use shared::tokens::{PublicKeys, SigningKeys, rotate_jwt_keys};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tests::stores::Stores;
use tests::token::header;
use tests::{Service, Session, local_aws};

const STEPS: [Step; 4] =
    [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret];
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// For how long readers keep the JWKS (`Cache-Control: max-age`).
const JWKS_MAX_AGE: Duration = Duration::from_mins(5);

/// A name that no other test has.
pub fn unique() -> String {
    uuid::Builder::from_random_bytes(Rng.bytes()).into_uuid().to_string()
}

/// Keys in the Secrets Manager of a local AWS, and what rotates them.
#[derive(Clone)]
struct Keys {
    aws: Arc<Aws>,
    state: RotationState,
    /// The names of the secrets.
    signing: String,
    public: String,
    pepper: String,
    data: String,
}

impl Keys {
    async fn new(clock: Clock) -> Self {
        let aws = local_aws::cloud().await;
        let state = RotationState::new(&aws, clock);
        let id = unique();
        let [signing, public, pepper, data] =
            ["signing", "public", "pepper", "data"].map(|kind| format!("auth/{id}/{kind}"));
        let keys = Self { aws, state, signing, public, pepper, data };
        let texts = local::service::new_keys();
        let tags = [("auth:rotates", "jwt-keys"), ("auth:public-keys", keys.public.as_str())];
        keys.create(&keys.signing, &texts["JWT_KEYS"], &tags).await;
        keys.create(&keys.public, &texts["JWT_PUBLIC_KEYS"], &[]).await;
        keys.create(&keys.pepper, &texts["PEPPER"], &[("auth:rotates", "pepper")]).await;
        keys.create(&keys.data, &texts["DATA_KEYS"], &[("auth:rotates", "data-keys")]).await;
        keys
    }

    async fn create(&self, name: &str, text: &str, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        let call = self.aws.secrets_manager().create_secret().name(name).secret_string(text);
        call.set_tags(Some(tags.collect())).send().await.expect("a secret");
    }

    async fn put(&self, name: &str, text: &str) {
        let call = self.aws.secrets_manager().put_secret_value().secret_id(name);
        call.secret_string(text).send().await.expect("a version");
    }

    async fn current(&self, name: &str) -> SecretString {
        let call = self.aws.secrets_manager().get_secret_value().secret_id(name);
        call.send().await.expect("a value").secret_string.expect("a text").into()
    }

    async fn signing_keys(&self) -> SigningKeys {
        SigningKeys::parse(&self.current(&self.signing).await).expect("keys")
    }

    /// What Secrets Manager does first: a version without a value, which is pending.
    async fn begin(&self, secret: &str) -> RotationEvent {
        let token = unique();
        let call = self.aws.secrets_manager().put_secret_value().secret_id(secret);
        let call = call.client_request_token(&token).version_stages("AWSPENDING");
        call.send().await.expect("a pending version");
        let (secret_id, step) = (secret.to_owned(), Step::CreateSecret);
        RotationEvent { step, secret_id, client_request_token: token }
    }

    async fn step(&self, event: &RotationEvent, step: Step) -> Result<(), RotationError> {
        rotate(&self.state, &RotationEvent { step, ..event.clone() }).await
    }

    async fn rotate(&self, secret: &str) -> Result<(), RotationError> {
        let event = self.begin(secret).await;
        for step in STEPS {
            self.step(&event, step).await?;
        }
        Ok(())
    }

    async fn service(&self) -> Service {
        let variables = [
            ("JWT_KEYS_SECRET_ID", self.signing.as_str()),
            ("JWT_PUBLIC_KEYS_SECRET_ID", &self.public),
            ("PEPPER_SECRET_ID", &self.pepper),
            ("DATA_KEYS_SECRET_ID", &self.data),
            ("RATE_LIMITS", "off"),
        ];
        Service::over_in_cloud(Stores::fresh().await, Some(self.aws.clone()), &variables).await
    }
}

/// Another service that verifies access tokens with the JWKS as it was fetched.
struct Reader {
    keys: PublicKeys,
    fetched: Timestamp,
}

impl Reader {
    async fn fetch(service: &Service) -> Self {
        let reply = service.client().get("/auth/.well-known/jwks.json").await.expect(200);
        let text = SecretString::from(String::from_utf8(reply.body).unwrap());
        Self { keys: PublicKeys::parse(&text).unwrap(), fetched: service.now() }
    }

    fn knows(&self, token: &str) -> bool {
        self.keys.contains(header(token)["kid"].as_str().unwrap())
    }
}

/// Sandboxes that are used in turn, and readers of the JWKS.
struct Fleet {
    sandboxes: Vec<Service>,
    readers: Vec<Reader>,
    sessions: Vec<Session>,
    signed_by: BTreeSet<String>,
    round: usize,
}

impl Fleet {
    async fn new(first: Service) -> Self {
        let sandboxes = vec![first.clone(), first.sandbox().await, first.sandbox().await];
        let mut fleet = Self {
            readers: Vec::new(),
            sessions: Vec::new(),
            sandboxes,
            signed_by: BTreeSet::new(),
            round: 0,
        };
        for sandbox in &fleet.sandboxes {
            fleet.readers.push(Reader::fetch(sandbox).await);
        }
        for n in 0..3 {
            let session = first.client().sign_up(&format!("+3361234500{n}")).await;
            fleet.sessions.push(session);
        }
        fleet
    }

    /// Every session is refreshed at one sandbox, and its new tokens are used at all. A user logs in.
    async fn use_once(&mut self) {
        self.round += 1;
        let now = self.sandboxes[0].now();
        for (n, reader) in self.readers.iter_mut().enumerate() {
            if now.since(reader.fetched) >= JWKS_MAX_AGE {
                *reader = Reader::fetch(&self.sandboxes[(n + self.round) % 3]).await;
            }
        }
        for n in 0..self.sessions.len() {
            let signer = &self.sandboxes[(n + self.round) % 3];
            let reply = signer.client().refresh(&self.sessions[n].refresh).await.expect(200);
            self.sessions[n] = Session::from_reply(&reply);
            self.check(n).await;
        }
        if self.round.is_multiple_of(4) {
            let signer = &self.sandboxes[self.round / 4 % 3];
            self.sessions[0] = signer.client().log_in("+33612345000", "phone").await;
            self.check(0).await;
        }
    }

    async fn check(&mut self, n: usize) {
        let access = &self.sessions[n].access;
        for sandbox in &self.sandboxes {
            // By the public half of the signing keys, and by the public keys.
            let _ = sandbox.client().ws_token(access).await.expect(200);
            let account = sandbox.client().bearer(access).get("/auth/v1/account").await;
            let _ = account.expect(200);
        }
        assert!(self.readers.iter().all(|reader| reader.knows(access)), "a JWKS lacks the key");
        self.signed_by.insert(header(access)["kid"].as_str().unwrap().to_owned());
    }
}

#[tokio::test]
async fn three_rotations_under_load_refuse_no_token_and_surprise_no_verifier() {
    let clock = Clock::manual(Timestamp::from_millis(0));
    let mut keys = Keys::new(clock).await;
    let first = keys.service().await;
    keys.state = RotationState::new(&keys.aws, first.state.core.clock.clone());
    let mut fleet = Fleet::new(first.clone()).await;
    // The first one announces a key, and three put one to use.
    for rotation in 0..4 {
        // Sandboxes and readers are as old as they get: not all are refreshed at the same time.
        for sandbox in fleet.sandboxes.clone() {
            first.advance(REFRESH_AFTER / 3);
            let _ = sandbox.client().get("/auth/v1/health/live").await.expect(200);
        }
        fleet.use_once().await;
        let event = keys.begin(&keys.signing).await;
        for step in STEPS {
            keys.step(&event, step).await.unwrap();
            fleet.use_once().await;
            // Secrets Manager may repeat what it has lost the answer of.
            keys.step(&event, step).await.unwrap();
        }
        for secret in [keys.pepper.clone(), keys.data.clone()] {
            keys.rotate(&secret).await.unwrap();
        }
        for _ in 0..6 {
            first.advance(MINUTE * 2);
            fleet.use_once().await;
        }
        let signing = keys.signing_keys().await;
        assert_eq!(fleet.signed_by.len(), rotation + 1, "the new key signs, without a deployment");
        let published = keys.current(&keys.public).await;
        assert_eq!(published.expose_secret(), signing.public().stored());
        first.advance(DAY);
    }
}

#[tokio::test]
async fn a_step_is_refused_for_what_is_not_pending_and_repeats_change_nothing() {
    let clock = Clock::manual(tests::service::system_now());
    let keys = Keys::new(clock.clone()).await;
    let before = keys.current(&keys.signing).await;
    let event = keys.begin(&keys.signing).await;
    // No step works on what the one before has not made.
    for step in [Step::SetSecret, Step::FinishSecret] {
        assert_eq!(keys.step(&event, step).await, Err(RotationError::NotCreated));
    }
    // Secrets Manager tests a schedule so.
    keys.step(&event, Step::TestSecret).await.unwrap();
    keys.step(&event, Step::CreateSecret).await.unwrap();
    let published = keys.current(&keys.public).await;
    for step in [Step::TestSecret, Step::FinishSecret] {
        assert_eq!(keys.step(&event, step).await, Err(RotationError::Unpublished));
    }
    // 20 at once: each step is done once.
    let all = (0..20).map(|_| {
        let (keys, event) = (keys.clone(), event.clone());
        async move { keys.step(&event, Step::CreateSecret).await }
    });
    assert!(tests::race::together(all).await.iter().all(Result::is_ok));
    assert_eq!(keys.current(&keys.signing).await.expose_secret(), before.expose_secret());
    assert_eq!(keys.current(&keys.public).await.expose_secret(), published.expose_secret());
    for step in [Step::SetSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret] {
        keys.step(&event, step).await.unwrap();
    }
    let after = keys.current(&keys.signing).await;
    // What is finished may be repeated, whatever the step.
    for step in STEPS {
        keys.step(&event, step).await.unwrap();
    }
    assert_eq!(keys.current(&keys.signing).await.expose_secret(), after.expose_secret());

    let unknown = RotationEvent { client_request_token: "unknown".to_owned(), ..event.clone() };
    let refused = keys.step(&unknown, Step::CreateSecret).await;
    assert_eq!(refused, Err(RotationError::UnknownVersion));
    let untagged = keys.begin(&keys.public).await;
    assert_eq!(keys.step(&untagged, Step::CreateSecret).await, Err(RotationError::UnknownKind));
}

#[tokio::test]
async fn a_next_key_that_is_not_known_for_a_day_is_not_used() {
    let now = tests::service::system_now();
    let clock = Clock::manual(now);
    let keys = Keys::new(clock.clone()).await;
    for secret in [&keys.signing, &keys.pepper, &keys.data] {
        keys.rotate(secret).await.unwrap();
        let before = keys.current(secret).await;
        let refused = keys.rotate(secret).await;
        assert!(matches!(refused, Err(RotationError::TooEarly(_))), "{refused:?}");
        assert_eq!(keys.current(secret).await.expose_secret(), before.expose_secret());
    }
    clock.advance(DAY + MINUTE * 5);
    // The public keys lack the next key: somebody has put older ones back.
    let public = keys.current(&keys.public).await;
    let others = local::service::new_keys();
    keys.put(&keys.public, &others["JWT_PUBLIC_KEYS"]).await;
    assert_eq!(keys.rotate(&keys.signing).await, Err(RotationError::Unpublished));
    keys.put(&keys.public, public.expose_secret()).await;

    // Between the steps somebody changes the keys in use: the rotation does not overwrite them.
    let event = keys.begin(&keys.signing).await;
    keys.step(&event, Step::CreateSecret).await.unwrap();
    keys.step(&event, Step::SetSecret).await.unwrap();
    let current = keys.current(&keys.signing).await;
    let changed = rotate_jwt_keys(&current, None, clock.now()).unwrap();
    let changed = rotate_jwt_keys(&changed, None, clock.now()).unwrap();
    keys.put(&keys.signing, changed.expose_secret()).await;
    assert_eq!(keys.step(&event, Step::FinishSecret).await, Err(RotationError::NotFollowing));
    assert_eq!(keys.current(&keys.signing).await.expose_secret(), changed.expose_secret());

    // What peppers and data keys have stored stays readable.
    let first = PepperSet::parse(&keys.current(&keys.pepper).await).unwrap();
    keys.rotate(&keys.pepper).await.unwrap();
    let second = PepperSet::parse(&keys.current(&keys.pepper).await).unwrap();
    assert!(second.follows(&first) && !first.follows(&second));
    assert_ne!(second.current().id(), first.current().id());
}

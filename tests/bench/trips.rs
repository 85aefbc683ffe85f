//! Round trips to each store, counted by the stores themselves: one client, in this
//! process. Counting a limit may be a round trip of its own. And how many transactions
//! Postgres committed that wrote anything.

use serde_json::json;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use tests::{Keys, Service, Session};

use crate::directory::{DEVICES, ids};

/// Round trips of one request, and its commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trips {
    pub postgres: u64,
    pub redis: u64,
    pub commits: u64,
}

impl std::ops::Add for Trips {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            postgres: self.postgres + other.postgres,
            redis: self.redis + other.redis,
            commits: self.commits + other.commits,
        }
    }
}

impl std::ops::Sub for Trips {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            postgres: self.postgres - other.postgres,
            redis: self.redis - other.redis,
            commits: self.commits - other.commits,
        }
    }
}

/// Of each operation, with limits as in production and with limits lifted as under load.
pub type Counted = HashMap<&'static str, (Trips, Trips)>;

/// Counts every operation once.
pub async fn both() -> Counted {
    let limited = count("on").await;
    let mut lifted = count("off").await;
    let both = |(name, trips)| (name, (trips, lifted.remove(name).unwrap_or_default()));
    limited.into_iter().map(both).collect()
}

async fn count(limits: &str) -> HashMap<&'static str, Trips> {
    let service = Service::with(&[("RATE_LIMITS", limits)]).await;
    let mut counter = Counter::new(&service).await;
    // Connections are made and scripts taught by somebody else.
    journey(&mut counter, "+33612345678").await;
    journey(&mut counter, "+33612345679").await;
    directory(&mut counter).await;
    counter.counted
}

/// What was made so far, and what each operation made of it.
struct Counter {
    service: Service,
    watch: tokio_postgres::Client,
    last: Trips,
    counted: HashMap<&'static str, Trips>,
}

impl Counter {
    async fn new(service: &Service) -> Self {
        let watch = tests::stores::connect(&service.stores.database_url).await;
        let (service, last) = (service.clone(), Trips::default());
        Self { service, watch, last, counted: HashMap::new() }
    }

    /// Everything since the last call was this operation.
    async fn count(&mut self, name: &'static str) {
        // The number that the next transaction will have which writes. Reading takes none.
        let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
        let row = self.watch.query_one(next, &[]).await.expect("a number");
        let core = &self.service.state.core;
        let now = Trips {
            postgres: core.store.round_trips(),
            redis: core.cache.round_trips(),
            commits: row.get::<_, &str>(0).parse().expect("a number"),
        };
        self.counted.insert(name, now - self.last);
        self.last = now;
    }
}

async fn journey(counter: &mut Counter, phone: &str) {
    let client = counter.service.client();
    counter.count("what came before").await;
    let body = json!({ "phoneNumber": phone, "deviceId": "bench" });
    let started = client.post("/auth/v1/verify/register/request", body).await.expect(200).json();
    counter.count("otp_request").await;
    let code = client.last_code(phone).await;
    counter.count("the inbox").await;
    let body = json!({
        "verificationId": started["verificationId"], "code": code, "deviceId": "bench",
    });
    let _ = client.post("/auth/v1/verify/register/confirm", body.clone()).await.expect(200);
    counter.count("otp_confirm").await;
    let session = Session::from_reply(&client.post("/auth/v1/register", body).await.expect(201));
    counter.count("register").await;
    let _ = client.ws_token(&session.access).await.expect(200);
    counter.count("access").await;
    let _ = client.refresh(&session.refresh).await.expect(200);
    counter.count("refresh").await;
    let _ = client.get("/auth/.well-known/jwks.json").await.expect(200);
    counter.count("jwks").await;
    let _ = client.get("/auth/v1/health/live").await.expect(200);
    counter.count("liveness").await;

    let id = client.verified("login", phone).await;
    counter.count("its code").await;
    let body = json!({ "verificationId": id, "deviceId": "bench" });
    let again = Session::from_reply(&client.post("/auth/v1/login", body).await.expect(200));
    counter.count("login").await;
    let bearer = client.clone().bearer(&again.access);
    let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
    counter.count("logout").await;
}

/// A user of several devices uploads and is looked up, by another.
async fn directory(counter: &mut Counter) {
    const PATH: &str = "/auth/v1/signal/keys";
    // From elsewhere: one place may ask for so many codes.
    let client = counter.service.client_at(Ipv4Addr::new(203, 0, 113, 9).into());
    let (phone, keys) = ("+33698765432", Keys::new());
    let id = client.verified("register", phone).await;
    counter.count("a code").await;
    let bundle = keys.bundle(ids(0), ids(0));
    let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
    let reply = client.post("/auth/v1/register", body).await.expect(201);
    counter.count("register_keys").await;

    let first = Session::from_reply(&reply);
    let owner = client.clone().bearer(&first.access);
    let body = json!({ "preKeys": keys.prekeys(ids(1)) });
    let _ = owner.post(&format!("{PATH}/prekeys"), body).await.expect(201);
    counter.count("upload_prekeys").await;
    let body = json!({ "kyberPreKeys": keys.kyber_prekeys(ids(1)) });
    let _ = owner.post(&format!("{PATH}/kyber-prekeys"), body).await.expect(201);
    counter.count("upload_kyber").await;

    for device in 1..DEVICES {
        // So may one number.
        counter.service.advance(Duration::from_hours(24));
        let keys = Keys::new().bundle(1..31, 1..31);
        let _ = client.log_in_with(phone, &device.to_string(), keys).await;
    }
    let other = client.sign_up("+33611111111").await;
    let other = client.bearer(&other.access);
    let user = first.user;
    counter.count("more devices").await;
    let list = other.get(&format!("{PATH}/{user}/devices")).await.expect(200).json();
    counter.count("devices").await;
    assert_eq!(list["deviceIds"].as_array().map(Vec::len), Some(DEVICES));
    let _ = other.get(&format!("{PATH}/{user}/devices/{}", first.device)).await.expect(200);
    counter.count("bundle").await;
    let _ = other.get(&format!("{PATH}/{user}/bundles")).await.expect(200);
    counter.count("bundles").await;
}

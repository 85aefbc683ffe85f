//! The key directory: what is taken in, who is handed what, and that nobody is handed the
//! same one-time key as another.

mod big_answers;
mod bundles;
mod devices;
mod drain;
mod fresh_proof;
mod identity_proof;
mod kills;
mod legacy;
mod lifecycle;
mod memory;
mod pages;
mod takes;
mod uploads;

use serde_json::{Value, json};
use tests::{Client, Keys, Reply, Service, Session};

const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";
const CAROL: &str = "+33611111111";
const KEYS: &str = "/auth/v1/signal/keys";

/// No limits on how often one may ask; the share of one-time keys stays.
async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

/// Somebody with one device and its keys, and a client with its token.
struct Person {
    session: Session,
    keys: Keys,
    client: Client,
}

impl Person {
    async fn new(service: &Service, phone: &str, prekeys: i64, kyber_prekeys: i64) -> Self {
        let keys = Keys::new();
        let bundle = keys.bundle(1..1 + prekeys, 1..1 + kyber_prekeys);
        let session = service.client().sign_up_with(phone, bundle).await;
        Self::of(service, session, keys)
    }

    fn of(service: &Service, session: Session, keys: Keys) -> Self {
        let client = service.client().bearer(&session.access);
        Self { session, keys, client }
    }

    /// One more device of this account.
    async fn device(service: &Service, phone: &str, name: &str) -> Self {
        let keys = Keys::new();
        let session = service.client().log_in_with(phone, name, keys.bundle(1..31, 1..31)).await;
        Self::of(service, session, keys)
    }

    fn path(&self) -> String {
        format!("{KEYS}/{}/devices/{}", self.session.user, self.session.device)
    }

    /// Fetches the bundle of this one device of another.
    async fn fetch(&self, other: &Self) -> Reply {
        self.client.get(&other.path()).await
    }

    /// Fetches the bundles of all devices of a user.
    async fn fetch_all(&self, user: &str) -> Reply {
        self.client.get(&format!("{KEYS}/{user}/bundles")).await
    }

    async fn upload(&self, kind: &str, body: Value) -> Reply {
        self.client.post(&format!("{KEYS}/{kind}"), body).await
    }

    async fn upload_prekeys(&self, keys: Vec<Value>) -> Reply {
        self.upload("prekeys", json!({ "preKeys": keys })).await
    }

    async fn upload_kyber(&self, keys: Vec<Value>) -> Reply {
        self.upload("kyber-prekeys", json!({ "kyberPreKeys": keys })).await
    }

    async fn status(&self) -> Value {
        self.client.get(&format!("{}/status", self.path())).await.expect(200).json()
    }

    async fn list(&self, user: &str) -> Value {
        self.client.get(&format!("{KEYS}/{user}/devices")).await.expect(200).json()
    }

    async fn version(&self) -> i64 {
        self.list(&self.session.user).await["version"].as_i64().unwrap()
    }
}

/// The ids of the one-time keys in a bundle: of the curve, and of Kyber.
fn ids(bundle: &Value) -> (Option<i64>, Option<i64>) {
    (bundle["preKey"]["keyId"].as_i64(), bundle["kyberPreKey"]["keyId"].as_i64())
}

/// The id of the Kyber key of last resort in [`Keys::bundle`].
const LAST_RESORT: Option<i64> = Some(1_000_000);

/// The news of keys that run low.
async fn low_news(service: &Service) -> Vec<Value> {
    let query = "SELECT payload FROM auth.outbox WHERE topic = 'prekeys.low' ORDER BY seq";
    service.rows(query).await.into_iter().map(|mut row| row["payload"].take()).collect()
}

async fn security_events(service: &Service, event: &str) -> i64 {
    service
        .count(&format!(
            "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
               AND (payload->>'entry')::jsonb->>'event' = '{event}'"
        ))
        .await
}

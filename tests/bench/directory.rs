//! The key directory under load: users of six devices each, whose bundles others fetch, and
//! devices that upload.

use serde_json::{Value, json};
use std::ops::Range;
use tests::Keys;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::figures::Sample;
use crate::load::{Ask, Errand, Load, once};
use crate::operations::{CHEAP, begin_on, confirm, phone, request, text};
use crate::server::Server;

/// Devices of each user, and users whose bundles are fetched: in turns, so that who asks at
/// the same time asks for different ones, mostly.
pub const DEVICES: usize = 6;
const USERS: usize = 20;

/// Keys of each kind in an upload.
pub const KEYS: i64 = 100;
/// Of so many accounts one brings its keys along: they are a quarter of a megabyte.
const RARE: usize = 8;

/// One-time keys that no round takes.
const ROOM: usize = 60;

const PATH: &str = "/auth/v1/signal/keys";

/// The one that no one-time Kyber key has.
const LAST_RESORT: i64 = 1_000_000;

pub struct Directory {
    owners: Vec<Owner>,
    client: Client,
}

/// A user and the devices.
pub struct Owner {
    pub user: Uuid,
    pub devices: Vec<Uuid>,
}

impl Directory {
    /// Signs the users up, with all their devices.
    pub async fn open(
        database_url: &str,
        load: &mut Load,
        numbers: &mut impl Iterator<Item = u32>,
    ) -> Self {
        load.run(numbers.take(USERS).map(|n| owner(phone(n))).collect()).await;
        let client = tests::stores::connect(database_url).await;
        let devices = "SELECT user_id, array_agg(device_id) FROM auth.identity_keys GROUP BY 1";
        let rows = client.query(devices, &[]).await.expect("the users");
        let owners: Vec<_> =
            rows.iter().map(|row| Owner { user: row.get(0), devices: row.get(1) }).collect();
        assert!(owners.len() == USERS && owners.iter().all(|o| o.devices.len() == DEVICES));
        Self { owners, client }
    }

    /// Gives every device a new stock of one-time keys: far more than `accounts` bundles of
    /// one device and as many of six take, about as many as an app uploads.
    pub async fn stock(&self, accounts: usize) {
        let count = 2 * accounts.div_ceil(USERS) + ROOM;
        let users: Vec<_> = self.owners.iter().map(|o| o.user.to_string()).collect();
        let of = format!("i.user_id = ANY ('{{{}}}')", users.join(","));
        self.client.batch_execute(&tests::keys::stock(&of, count)).await.expect("a stock");
        // As the server does from time to time.
        let clean = "VACUUM (ANALYZE) auth.prekey_pages, auth.identity_keys";
        self.client.batch_execute(clean).await.expect("clean tables");
    }

    /// The `n`th fetch of a device's bundle, over all devices.
    pub fn device(&self, n: usize) -> (Uuid, Uuid) {
        let owner = self.owner(n);
        (owner.user, owner.devices[n / USERS % DEVICES])
    }

    /// The `n`th fetch of all bundles of a user.
    pub fn owner(&self, n: usize) -> &Owner {
        &self.owners[n % USERS]
    }

    /// One round of everything. Who registers with keys then fetches and uploads.
    pub async fn round(
        &self,
        server: &Server,
        load: &mut Load,
        numbers: &mut (impl Iterator<Item = u32> + Send),
        accounts: usize,
    ) -> Vec<(&'static str, Sample)> {
        self.stock(accounts).await;
        let mut samples = Vec::new();
        let mut measure = async |name, errands: Vec<Errand>| {
            let (answers, sample) = load.measure(server, errands).await;
            samples.push((name, sample));
            answers
        };

        let phones: Vec<String> = numbers.take(accounts.div_ceil(RARE)).map(phone).collect();
        let keys: Vec<Keys> = phones.iter().map(|_| Keys::new()).collect();
        let asks = phones.iter().map(|phone| once(request("register", phone, phone)));
        let codes = measure("keys_request", asks.collect()).await;
        let asks = phones.iter().zip(&codes).map(|(p, code)| once(confirm("register", p, code)));
        measure("keys_confirm", asks.collect()).await;
        let asks = phones.iter().zip(&codes).zip(&keys).map(|((phone, code), keys)| {
            let bundle = keys.bundle(ids(0), ids(0));
            once(begin_on("register", phone, code, Some(bundle)))
        });
        let sessions = measure("register_keys", asks.collect()).await;

        // With EC keys alone.
        let phones: Vec<String> = numbers.take(accounts.div_ceil(RARE)).map(phone).collect();
        let asks = phones.iter().map(|phone| once(request("register", phone, phone)));
        let codes = measure("keys_request", asks.collect()).await;
        let asks = phones.iter().zip(&codes).map(|(p, code)| once(confirm("register", p, code)));
        measure("keys_confirm", asks.collect()).await;
        let asks = phones.iter().zip(&codes).map(|(phone, code)| {
            let bundle = Keys::new().bundle(ids(0), 1..1);
            once(begin_on("register", phone, code, Some(bundle)))
        });
        measure("register_ec", asks.collect()).await;
        let access: Vec<&str> = sessions.iter().map(|s| text(s, "accessToken")).collect();

        let asks = access.iter().zip(&keys).map(|(access, keys)| {
            let body = json!({ "preKeys": keys.prekeys(ids(1)) });
            once(Ask::post(format!("{PATH}/prekeys"), body).bearer(access))
        });
        measure("upload_prekeys", asks.collect()).await;
        let asks = access.iter().zip(&keys).map(|(access, keys)| {
            let body = json!({ "kyberPreKeys": keys.kyber_prekeys(ids(1)) });
            once(Ask::post(format!("{PATH}/kyber-prekeys"), body).bearer(access))
        });
        measure("upload_kyber", asks.collect()).await;

        let callers = || access.iter().cycle().enumerate();
        let asks = callers().take(accounts * CHEAP).map(|(n, access)| {
            once(Ask::get(format!("{PATH}/{}/devices", self.owner(n).user)).bearer(access))
        });
        measure("devices", asks.collect()).await;
        let asks = callers().take(accounts).map(|(n, access)| {
            let (user, device) = self.device(n);
            once(Ask::get(format!("{PATH}/{user}/devices/{device}")).bearer(access))
        });
        for bundle in measure("bundle", asks.collect()).await {
            expect_one_time(&bundle);
        }
        let asks = callers().take(accounts).map(|(n, access)| {
            once(Ask::get(format!("{PATH}/{}/bundles", self.owner(n).user)).bearer(access))
        });
        for answer in measure("bundles", asks.collect()).await {
            let bundles = answer["devices"].as_array().expect("bundles");
            assert_eq!(bundles.len(), DEVICES, "a device is missing");
            bundles.iter().for_each(expect_one_time);
        }
        samples
    }
}

/// The ids of the `n`th upload.
pub fn ids(n: i64) -> Range<i64> {
    1 + n * KEYS..1 + (n + 1) * KEYS
}

/// One without measures something else.
fn expect_one_time(bundle: &Value) {
    let whole = bundle["preKey"]["publicKey"].is_string()
        && bundle["kyberPreKey"]["keyId"].as_i64().is_some_and(|id| id != LAST_RESORT);
    assert!(whole, "a bundle without one-time keys");
}

/// A user with all devices: their lasting keys, the others are stocked.
fn owner(phone: String) -> Errand {
    let mut code = Value::Null;
    let mut step = 0;
    Box::new(move |answer| {
        let (device, part) = (step / 3, step % 3);
        step += 1;
        let purpose = if device == 0 { "register" } else { "login" };
        let fingerprint = format!("{phone} {device}");
        match part {
            _ if device == DEVICES => None,
            0 => Some(request(purpose, &phone, &fingerprint)),
            1 => {
                code = answer.clone();
                Some(confirm(purpose, &fingerprint, &code))
            }
            _ => {
                let keys = Keys::new().bundle(1..1, 1..1);
                Some(begin_on(purpose, &fingerprint, &code, Some(keys)))
            }
        }
    })
}

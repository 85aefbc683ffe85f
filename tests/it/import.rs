//! `cargo local import` over the schema of the first auth-service, with a population that holds what such
//! a database gathers: doubled devices, keys of another form, numbers that are none.
//!
//! | file | what it holds |
//! |---|---|
//! | [`again`] | a second run, after accounts changed in the first service |
//! | [`slow`] | accounts that take longer than a request may |

mod again;
mod slow;

use domain::second_factor::{BackupCode, TotpCode};
use local::import::plan::LeftOut;
use local::import::source::Source;
use local::import::{Imported, import_all};
use serde_json::{Value, json};
use shared::second_factor::{backup_codes, totp};
use std::collections::BTreeMap;
use tests::stores::{connect, empty_database};
use tests::{Keys, Service};
use uuid::Uuid;

/// `timestamp` without a zone throughout, as the first service has it.
const SCHEMA: &str = "
    CREATE SCHEMA auth;
    CREATE TABLE auth.users_auth (id uuid PRIMARY KEY, phone_number varchar(20), two_factor_secret text,
      two_factor_pending_secret text, two_factor_enabled boolean DEFAULT false,
      last_authenticated_at timestamp, created_at timestamp, updated_at timestamp);
    CREATE TABLE auth.devices (id uuid PRIMARY KEY, user_id uuid, device_name varchar,
      device_type varchar, device_fingerprint varchar, model varchar, os_version varchar,
      app_version varchar, fcm_token text, public_key text, last_active timestamp, is_verified boolean,
      is_active boolean, created_at timestamp);
    CREATE TABLE auth.identity_keys (id uuid PRIMARY KEY, user_id uuid, device_id uuid, public_key text,
      private_key_encrypted text, created_at timestamp, updated_at timestamp);
    CREATE TABLE auth.signed_prekeys (id uuid PRIMARY KEY, user_id uuid, device_id uuid, key_id integer,
      public_key text, signature text, created_at timestamp, expires_at timestamp);
    CREATE TABLE auth.prekeys (id uuid PRIMARY KEY, user_id uuid, device_id uuid, key_id integer,
      public_key text, is_one_time boolean, is_used boolean, created_at timestamp);
    CREATE TABLE auth.backup_codes (id uuid PRIMARY KEY, user_id uuid, code_hash text, used boolean,
      created_at timestamp);
    CREATE TABLE auth.login_history (id uuid PRIMARY KEY, user_id uuid, device_id uuid,
      ip_address varchar, status varchar, created_at timestamp);";

const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const SHORT_SECRET: &str = "jbswy3dpehpk3pxp";
const CODE: &str = "A0I1-ZZ99";

fn id(n: u32) -> Uuid {
    Uuid::from_u128(u128::from(n) << 64 | 0x4000_8000_0000_0000_0001)
}

async fn old_database() -> String {
    let url = empty_database().await;
    connect(&url).await.batch_execute(SCHEMA).await.expect("the schema");
    url
}

struct Old(Vec<String>);

impl Old {
    fn row(&mut self, table: &str, row: &Value) {
        let row = row.to_string().replace('\'', "''");
        self.0.push(format!(
            "INSERT INTO auth.{table} SELECT * FROM jsonb_populate_record(NULL::auth.{table}, '{row}');"
        ));
    }

    fn user(&mut self, n: u32, phone: &str, secret: Option<&str>) {
        self.row(
            "users_auth",
            &json!({ "id": id(n), "phone_number": phone, "two_factor_secret": secret,
                "two_factor_enabled": secret.is_some(), "created_at": "2025-03-01T10:00:00.123",
                "updated_at": "2025-03-02T10:00:00", "last_authenticated_at": "2025-03-02T10:00:00" }),
        );
    }

    fn device(&mut self, n: u32, user: u32, fingerprint: &str, active: &str) {
        self.row(
            "devices",
            &json!({ "id": id(n), "user_id": id(user), "device_name": "Phone", "device_type": "ios",
                "device_fingerprint": fingerprint, "is_verified": true, "is_active": true,
                "last_active": active, "created_at": "2025-03-01T10:00:00" }),
        );
    }

    fn identity(&mut self, n: u32, user: u32, device: u32, key: &str, created: &str) {
        self.row(
            "identity_keys",
            &json!({ "id": id(n), "user_id": id(user), "device_id": id(device), "public_key": key,
                "created_at": created, "updated_at": created }),
        );
    }

    fn prekey(&mut self, n: u32, user: u32, device: u32, key: &Value, used: bool) {
        self.row(
            "prekeys",
            &json!({ "id": id(n), "user_id": id(user), "device_id": id(device), "key_id": key["keyId"],
                "public_key": key["publicKey"], "is_one_time": true, "is_used": used,
                "created_at": "2025-03-01T10:00:00" }),
        );
    }
}

/// Alice has all; the others are what may go wrong.
fn population(keys: &Keys) -> Old {
    let mut old = Old(Vec::new());
    old.user(1, "+33612345678", Some(SECRET));
    old.device(10, 1, "phone", "2025-03-02T10:00:00");
    old.device(11, 1, "phone", "2025-03-01T11:00:00");
    old.device(12, 1, "no keys", "2025-03-01T11:00:00");
    old.identity(20, 1, 10, "not a key", "2025-03-03T10:00:00");
    old.identity(21, 1, 10, &keys.identity(), "2025-03-02T10:00:00");
    old.identity(22, 1, 10, &Keys::new().identity(), "2025-03-01T10:00:00");
    old.identity(23, 1, 11, &Keys::new().identity(), "2025-03-01T10:00:00");
    let signed = keys.signed_prekey(7);
    old.row(
        "signed_prekeys",
        &json!({ "id": id(30), "user_id": id(1), "device_id": id(10), "key_id": 7,
            "public_key": signed["publicKey"], "signature": signed["signature"],
            "created_at": "2025-03-01T10:00:00", "expires_at": "2999-03-08T10:00:00" }),
    );
    for n in 0..5 {
        old.prekey(100 + n, 1, 10, &keys.prekey(i64::from(n)), n < 2);
    }
    old.prekey(105, 1, 10, &json!({ "keyId": 9, "publicKey": "AAAA" }), false);
    old.prekey(106, 1, 10, &json!({ "keyId": 1, "publicKey": keys.prekey(1)["publicKey"] }), false);
    for (n, code, used) in [(40, CODE, false), (41, "BBBB-2222", false), (42, "CCCC-3333", true)] {
        let hash = bcrypt_of(code);
        old.row(
            "backup_codes",
            &json!({ "id": id(n), "user_id": id(1), "code_hash": hash, "used": used,
                "created_at": "2025-03-01T10:00:00" }),
        );
    }
    old.row(
        "login_history",
        &json!({ "id": id(50), "user_id": id(1), "device_id": id(10), "ip_address": "203.0.113.9",
            "status": "success", "created_at": "2025-03-01T10:00:00" }),
    );
    old.user(2, "12345", None);
    old.user(3, "+33 6 12 34 56 78", None);
    old.user(4, "+33698765432", Some("not base 32!"));
    old.user(5, "+33611111111", Some(SHORT_SECRET));
    // An identity key that Alice has.
    old.user(6, "+33622222222", None);
    old.device(60, 6, "copy", "2025-03-02T10:00:00");
    old.identity(61, 6, 60, &keys.identity(), "2025-03-02T10:00:00");
    old
}

/// Lowest cost, so that tests are quick: the cost stands in the hash.
fn bcrypt_of(code: &str) -> String {
    bcrypt::hash_with_salt(code, 4, [7; 16]).expect("a hash").to_string()
}

async fn run(service: &Service, from: &str) -> Imported {
    let source = Source::connect(from, "auth", None).await.expect("a source");
    let core = &service.state.core;
    let keys = &service.state.two_factor.second_factor.data_keys;
    import_all(&source, &core.store, keys, &core.clock).await.expect("an import")
}

fn reasons(left_out: &[LeftOut]) -> BTreeMap<(&str, &str), usize> {
    let mut counts = BTreeMap::new();
    for LeftOut { table, why, .. } in left_out {
        *counts.entry((*table, *why)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn accounts_come_over_with_all_that_is_sound_and_once() {
    let (service, from, keys) = (Service::start().await, old_database().await, Keys::new());
    let old = population(&keys);
    connect(&from).await.batch_execute(&old.0.concat()).await.expect("a population");
    let imported = run(&service, &from).await;
    assert_eq!((imported.accounts, imported.devices, imported.known), (3, 3, 0));
    let device = "its device, or the identity key of that, is not taken over";
    let expected = [
        (("backup_codes", ""), 0),
        (("devices", "another device of the user has its fingerprint"), 1),
        (("identity_keys", "a newer row has this device or this key"), 1),
        (("identity_keys", "another account has an identity key of it"), 1),
        (("identity_keys", "it is no key of Curve25519"), 1),
        (("identity_keys", device), 1),
        (("prekeys", "key or id is not valid"), 1),
        (("prekeys", "the key was used, or key or id is there twice"), 1),
        (("users_auth", "another account has its number"), 1),
        (("users_auth", "the number is not valid"), 1),
        (
            (
                "users_auth",
                "the secret of the second factor is not base 32, or shorter than 80 bits",
            ),
            1,
        ),
    ];
    let expected = expected.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(reasons(&imported.left_out), expected);

    // Times are UTC.
    let created = "SELECT (extract(epoch FROM created_at) * 1000)::int8 FROM auth.users_auth
                    WHERE phone_number = '+33612345678'";
    assert_eq!(service.count(created).await, 1_740_823_200_123);
    let unused = "SELECT count(*) FROM auth.prekeys WHERE NOT is_used AND key_id IN (2, 3, 4)";
    assert_eq!(service.count(unused).await, 3);
    assert_eq!(service.count("SELECT count(*) FROM auth.used_prekeys").await, 2);
    assert_eq!(service.count("SELECT count(*) FROM auth.login_history").await, 1);
    let verified = shared::audit::verify::verify(&service.state.core.store, None).await.unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);

    let shape = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) AS sum FROM (
        SELECT u::text FROM auth.users_auth u UNION ALL SELECT d::text FROM auth.devices d
        UNION ALL SELECT p::text FROM auth.prekey_pages p UNION ALL SELECT o::text FROM auth.outbox o
        UNION ALL SELECT c::text FROM auth.backup_codes c) t";
    let before = service.rows(shape).await;
    let again = run(&service, &from).await;
    assert_eq!((again.accounts, again.known), (0, 3));
    assert_eq!(service.rows(shape).await, before);
}

#[tokio::test]
async fn an_imported_user_logs_in_with_app_and_backup_code_and_is_written_to() {
    let (service, from, keys) = (
        Service::with(&[("RATE_LIMITS", "off"), ("LEGACY_CLIENTS", "true")]).await,
        old_database().await,
        Keys::new(),
    );
    let old = population(&keys);
    connect(&from).await.batch_execute(&old.0.concat()).await.expect("a population");
    let _ = run(&service, &from).await;
    let client = service.client();
    let phone = "+33612345678";
    let id = client.verified("login", phone).await;
    let login = |token: Option<&str>| json!({ "verificationId": id, "deviceId": "phone", "twoFactorToken": token });
    client.post("/auth/v1/login", login(None)).await.refused(403, "two_factor_required");
    let reply = client.post("/auth/v1/login", login(Some(CODE))).await.expect(200).json();
    assert_eq!(reply["deviceId"], super::import::id(10).to_string(), "the device came back");
    // Each once.
    let id = client.verified("login", phone).await;
    let login =
        |token: &str| json!({ "verificationId": id, "deviceId": "phone", "twoFactorToken": token });
    client.post("/auth/v1/login", login(CODE)).await.refused(401, "two_factor_invalid");
    client.post("/auth/v1/login", login("CCCC-3333")).await.refused(401, "two_factor_invalid");
    let _ = client.post("/auth/v1/login", login("bbbb2222")).await.expect(200);

    let caller = client.sign_up("+33633333333").await;
    let path = format!("/auth/v1/signal/keys/{}/bundles", super::import::id(1));
    let bundles = client.bearer(&caller.access).get(&path).await.expect(200).json();
    assert_eq!(bundles["devices"].as_array().map(Vec::len), Some(1), "{bundles}");
    assert_eq!(bundles["devices"][0]["preKey"]["keyId"], 2, "{bundles}");
    assert_eq!(bundles["devices"][0]["identityKey"], keys.identity().as_str());
}

/// The first service checked no signature. A key that somebody else put there would be handed out.
#[tokio::test]
async fn a_signed_prekey_comes_over_only_if_its_identity_key_signed_it() {
    let (service, from) = (Service::start().await, old_database().await);
    let (keys, stranger) = (Keys::new(), Keys::new());
    let mut old = Old(Vec::new());
    old.user(1, "+33612345678", None);
    let mut signed = |n: u32, device: u32, key: &Value, signature: &Value, day: u32| {
        let row = json!({ "id": id(n), "user_id": id(1), "device_id": id(device),
            "key_id": key["keyId"], "public_key": key["publicKey"], "signature": signature,
            "created_at": format!("2025-03-0{day}T10:00:00"),
            "expires_at": "2999-03-08T10:00:00" });
        old.row("signed_prekeys", &row);
    };
    // The newest is of a stranger, the one before has the signature of another key.
    let [good, foreign] = [keys.signed_prekey(7), stranger.signed_prekey(9)];
    signed(30, 10, &good, &good["signature"], 1);
    signed(31, 10, &keys.signed_prekey(8), &good["signature"], 2);
    signed(32, 10, &foreign, &foreign["signature"], 3);
    // Nothing else is there of this device.
    signed(33, 11, &good, &good["signature"], 1);
    for (device, fingerprint, identity) in
        [(10, "phone", keys.identity()), (11, "tablet", Keys::new().identity())]
    {
        old.device(device, 1, fingerprint, "2025-03-02T10:00:00");
        old.identity(device + 10, 1, device, &identity, "2025-03-02T10:00:00");
        old.prekey(device + 100, 1, device, &keys.prekey(i64::from(device)), false);
    }
    connect(&from).await.batch_execute(&old.0.concat()).await.expect("a population");
    let imported = run(&service, &from).await;
    assert_eq!((imported.accounts, imported.devices), (1, 2));
    let unsigned = ("signed_prekeys", "the identity key of its device has not signed it");
    assert_eq!(reasons(&imported.left_out), [(unsigned, 3)].into());
    let taken = service.rows("SELECT device_id, key_id FROM auth.signed_prekeys").await;
    assert_eq!(taken, [json!({ "device_id": id(10), "key_id": 7 })]);

    let caller = service.client().sign_up("+33633333333").await;
    let path = format!("/auth/v1/signal/keys/{}/bundles", super::import::id(1));
    let bundles = service.client().bearer(&caller.access).get(&path).await.expect(200).json();
    let devices = bundles["devices"].as_array().expect("devices");
    let handed_out: Vec<&Value> = devices.iter().map(|device| &device["signedPreKey"]).collect();
    assert_eq!(handed_out.len(), 1, "{bundles}");
    assert_eq!(handed_out[0]["publicKey"], good["publicKey"]);
}

#[test]
fn short_secrets_and_codes_with_any_letter_are_read() {
    let now = domain::time::Timestamp::from_millis(1_800_000_000_000);
    let secret = secrecy::SecretSlice::from(b"Hello!\xde\xad\xbe\xef".to_vec());
    let wrong = TotpCode::parse("000000").expect("a code");
    assert!(totp::matching_step(&secret, &wrong, now).is_ok());
    assert!(BackupCode::parse(CODE).is_ok());
    let _ = backup_codes::cost(shared::config::Stage::Local);
}

//! The attacker has a copy of both stores, and none of the keys.

use super::{Owner, PHONE, STEP, unlimited};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::hex::hex;
use serde_json::Value;
use std::fmt::Write as _;
use tests::{Authenticator, Service};

/// Every row of every table, and every value in Redis, as text; the inbox is the phone itself.
async fn dump(service: &Service) -> String {
    let mut all = String::new();
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'auth'";
    for table in service.rows(tables).await {
        let table = table["tablename"].as_str().unwrap();
        for row in service.rows(&format!("SELECT * FROM auth.{table}")).await {
            writeln!(all, "{table} {row}").unwrap();
        }
    }
    let mut redis = service.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    for key in keys.iter().filter(|key| *key != "inbox") {
        let kind: String = redis::cmd("TYPE").arg(key).query_async(&mut redis).await.unwrap();
        let value: Vec<String> = match &*kind {
            "string" => {
                vec![redis::cmd("GET").arg(key).query_async(&mut redis).await.unwrap()]
            }
            "hash" => redis::cmd("HGETALL").arg(key).query_async(&mut redis).await.unwrap(),
            "zset" => {
                let mut range = redis::cmd("ZRANGE");
                range.arg(key).arg(0).arg(-1).query_async(&mut redis).await.unwrap()
            }
            other => panic!("{key} is a {other}"),
        };
        writeln!(all, "redis {key} {value:?}").unwrap();
    }
    all
}

/// The forms in which bytes could stand in a dump.
fn forms(bytes: &[u8]) -> [String; 3] {
    [hex(bytes), STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]
}

#[tokio::test]
async fn a_copy_of_both_stores_opens_nothing_without_the_keys() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let bearer = client.clone().bearer(&session.access);
    // A pending secret of another account too.
    let other = client.sign_up("+33698765432").await;
    let other = client.clone().bearer(&other.access);
    let pending = super::post(&other, "setup", serde_json::json!({})).await.expect(201).json();
    let given = super::post(&bearer, "setup", serde_json::json!({})).await.expect(201).json();
    let app = Authenticator::from_base32(given["secret"].as_str().unwrap());
    let body = serde_json::json!({ "token": app.at(service.now()) });
    let backup_codes = super::codes(&super::post(&bearer, "enable", body).await.expect(200));
    service.advance(STEP);
    let owner = Owner { service: service.clone(), session, app, backup_codes };
    // Used, wrong and unused codes, of a session and of a log-in; a verification that runs.
    let used = owner.code();
    assert!(owner.verifies(&used).await && owner.verifies(&owner.backup_codes[9]).await);
    let wrong: Vec<String> = owner.wrong().take(2).collect();
    assert!(!owner.verifies(&wrong[0]).await);
    let (id, code) = client.start("login", PHONE).await;
    let _ = client.confirm("login", &id, &code).await.expect(200);
    let reply = super::log_in_by(&client, &id, "phone-2", Some(&wrong[1])).await;
    reply.refused(401, "two_factor_invalid");
    let _ = client.start("register", "+33611111111").await;

    let dump = dump(&service).await;
    assert!(dump.contains("two_factor_secret") && dump.contains("redis two_factor:"), "{dump}");
    // Secrets, in base 32 and as bytes.
    for given in [&given, &pending] {
        let secret = given["secret"].as_str().unwrap();
        assert!(!dump.contains(secret));
        let bytes = Authenticator::from_base32(secret).secret().to_vec();
        for form in forms(&bytes) {
            assert!(!dump.contains(&form));
        }
    }
    // Backup codes, in no spelling.
    for code in &owner.backup_codes {
        for form in [code.clone(), code.replace('-', "")] {
            assert!(!dump.contains(&form));
        }
    }
    let redis: Vec<&str> = dump.lines().filter(|line| line.starts_with("redis ")).collect();
    let redis = redis.join("\n");
    let is_in =
        |code: &str| redis.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == code);
    for code in wrong.iter().chain([&used, &code]) {
        assert!(!is_in(code), "a code stands in Redis");
    }
    // Numbers: in Redis none, under any name.
    for number in ["33612345678", "33698765432", "33611111111"] {
        assert!(!redis.contains(number));
    }

    // What can be tried offline: all six digits against each value that Redis holds of attempts.
    // Without the key a digest of a code is not to be found.
    let digests: Vec<&str> = redis
        .lines()
        .filter(|line| line.contains("two_factor:"))
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))))
        .filter(|word| word.len() == 24)
        .collect();
    assert!(!digests.is_empty(), "{redis}");
    let user = uuid::Uuid::parse_str(&owner.session.user).unwrap();
    for key in [&[][..], &[0; 32], user.as_bytes(), b"auth-service"] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        for code in wrong.iter().chain([&used]) {
            let mac = hmac::sign(&key, &[user.as_bytes(), code.as_bytes()].concat());
            let digest = URL_SAFE_NO_PAD.encode(&mac.as_ref()[..18]);
            assert!(!digests.contains(&digest.as_str()));
        }
    }

    // The rows in a service with other keys: nothing of them is right there.
    let keys = local::service::new_keys();
    let changed: Vec<(&str, &str)> = ["PEPPER", "DATA_KEYS", "JWT_KEYS", "PHONE_INDEX_KEY"]
        .into_iter()
        .map(|name| (name, keys[name].as_str()))
        .collect();
    let elsewhere = service.with_more(&changed).await;
    let stolen = elsewhere.client().bearer(&owner.session.access);
    super::post(&stolen, "verify", serde_json::json!({ "token": owner.code() }))
        .await
        .refused(401, "token_invalid");
    // Not even with a session of that service, made by writing its row into the copy.
    let user = domain::ids::UserId::from_uuid(user);
    let state = elsewhere
        .state
        .core
        .store
        .find_second_factor(user, elsewhere.now())
        .await
        .unwrap()
        .unwrap();
    let stored = state.secret.unwrap();
    let own = &elsewhere.state.two_factor.second_factor;
    assert!(own.data_keys.load().decrypt(user, &stored).is_err());
    for code in &owner.backup_codes[..2] {
        let code = domain::second_factor::BackupCode::parse(code).unwrap();
        let peppers = own.pepper.load();
        let find = shared::second_factor::backup_codes::find;
        assert!(find(user, &code, &state.backup_codes, &peppers, 4).await.unwrap().is_none());
    }
    // A hash is no code.
    let row = service.rows("SELECT code_hash FROM auth.backup_codes LIMIT 1").await;
    let Value::String(hash) = &row[0]["code_hash"] else { panic!("a hash") };
    assert!(hash.starts_with("$2b$04$"));
}

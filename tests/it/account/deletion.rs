//! A deletion erases every row and every key that tells of a person. What stays is listed, with its
//! reason.

use super::{
    NEW_PHONE, PHONE, STEP, delete_account, is_alive, locked, log_in, of, refreshed,
    security_events, told, unlimited, with_second_factor,
};
use redis::AsyncCommands as _;
use serde_json::json;
use std::time::Duration;
use tests::{Keys, Service, Session};

const NAME: &str = "Camille's phone";
const PUSH_TOKEN: &str = "fcm-token-of-camille";
const FINGERPRINT: &str = "installation-of-camille";
const ADDRESS: &str = "203.0.113.7";

/// Tables and columns that may name a deleted user by its id, and why.
const NAMED: [(&str, &str); 3] = [
    ("audit_heads", "the chain of its security events is kept, under a pseudonym"),
    ("security_events", "the entries of the chain, without what is personal"),
    ("outbox", "the deletion itself, the ends of its sessions and the chain, to be delivered"),
];
/// Keys of Redis that may name it.
const TOMBSTONES: &str = "session:";
/// Counts of this hour, by the id of the user. The relay deletes them.
const HOURLY: &str = "hourly_events:";

async fn sign_up(service: &Service) -> (Session, Keys) {
    let keys = Keys::new();
    let id = service.client().verified("register", PHONE).await;
    let body = json!({ "verificationId": id, "deviceName": NAME, "fcmToken": PUSH_TOKEN,
                       "deviceId": FINGERPRINT, "signalKeyBundle": keys.bundle(1..5, 1..5) });
    let reply = service.client().post("/auth/v1/register", body).await.expect(201);
    (Session::from_reply(&reply), keys)
}

/// The tables of the schema, by what their rows say as text.
async fn tables_with(service: &Service, needle: &str) -> Vec<String> {
    let tables = service
        .rows(
            "SELECT table_name AS name FROM information_schema.tables
                WHERE table_schema = 'auth' AND table_type = 'BASE TABLE' ORDER BY 1",
        )
        .await;
    assert!(tables.len() > 15, "{tables:?}");
    let mut found = Vec::new();
    for table in &tables {
        let name = table["name"].as_str().unwrap();
        let needle = needle.replace('\'', "''");
        let count = format!("SELECT count(*) FROM auth.{name} t WHERE t::text LIKE '%{needle}%'");
        if service.count(&count).await > 0 {
            found.push(name.to_owned());
        }
    }
    found
}

/// The keys of Redis whose name or value has a text.
async fn keys_with(service: &Service, needle: &str) -> Vec<String> {
    let mut redis = service.redis().await;
    let mut found = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<String>) =
            redis::cmd("SCAN").arg(cursor).query_async(&mut redis).await.unwrap();
        for key in keys {
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.unwrap();
            let values: Vec<Vec<u8>> = match &*kind {
                "string" => vec![redis.get(&key).await.unwrap()],
                "hash" => {
                    let pairs: Vec<(Vec<u8>, Vec<u8>)> = redis.hgetall(&key).await.unwrap();
                    pairs.into_iter().flat_map(|(field, value)| [field, value]).collect()
                }
                "list" => redis.lrange(&key, 0, -1).await.unwrap(),
                "zset" => redis.zrange(&key, 0, -1).await.unwrap(),
                "set" => redis.smembers(&key).await.unwrap(),
                other => panic!("{key} is a {other}"),
            };
            let values = values.iter().map(|value| String::from_utf8_lossy(value).into_owned());
            // What "was sent" on a laptop: in a deployment there is no inbox.
            if key != "inbox" && values.chain([key.clone()]).any(|text| text.contains(needle)) {
                found.push(key);
            }
        }
        cursor = next;
        if cursor == 0 {
            return found;
        }
    }
}

#[tokio::test]
async fn nothing_that_tells_of_a_person_is_left() {
    let service = Service::start().await;
    let (session, keys) = sign_up(&service).await;
    let app = with_second_factor(&service, &session).await;
    let wrong = app.wrong(service.now()).next().unwrap();
    let client = of(&service, &session);
    let _ = client.post("/auth/v1/2fa/verify", json!({ "token": wrong })).await.expect(200);
    let _ = client
        .post("/auth/v1/2fa/verify", json!({ "token": app.at(service.now()) }))
        .await
        .expect(200);
    let code = locked(&service, &session).await;
    let other = log_in(&service.client(), PHONE, json!({ "recoveryCode": code })).await;
    other.refused(403, "two_factor_required");
    service.advance(STEP);
    let needles = [PHONE, NAME, PUSH_TOKEN, FINGERPRINT, ADDRESS];
    for needle in needles {
        assert!(!tables_with(&service, needle).await.is_empty(), "{needle}: the search finds it");
    }
    assert!(tables_with(&service, &session.user).await.len() > 10);
    assert!(keys_with(&service, &session.user).await.len() > 1);

    let _ = delete_account(&client, json!({})).await.expect(204);

    for needle in needles {
        assert_eq!(tables_with(&service, needle).await, [""; 0], "{needle}");
    }
    let named: Vec<&str> = NAMED.iter().map(|(table, _)| *table).collect();
    let mut left = tables_with(&service, &session.user).await;
    left.extend(tables_with(&service, &session.device).await);
    assert!(left.iter().all(|table| named.contains(&table.as_str())), "{left:?}");
    for needle in [PHONE, NAME, PUSH_TOKEN, FINGERPRINT] {
        assert_eq!(keys_with(&service, needle).await, [""; 0], "{needle}");
    }
    // Tombstones: the ids of a user and a session that are gone, for 20 minutes.
    let left = keys_with(&service, &session.user).await;
    assert!(
        left.iter().all(|key| key.starts_with(TOMBSTONES) || key.starts_with(HOURLY)),
        "{left:?}"
    );

    // It is told, and the chain goes on to the deletion without what is personal.
    assert_eq!(told(&service, "user.deleted").await, 1);
    assert_eq!(security_events(&service, "account_deleted").await, 1);
    for personal in [
        "SELECT count(*) FROM auth.security_events WHERE personal IS NOT NULL",
        "SELECT count(*) FROM auth.outbox WHERE payload ? 'personal'",
    ] {
        assert_eq!(service.count(personal).await, 0);
    }
    assert!(told(&service, "audit").await > 3);
    // Its sessions are worth nothing, and its verifications stay used.
    client.get("/auth/v1/account").await.refused(401, "session_ended");
    service.client().refresh(&session.refresh).await.refused(401, "session_ended");
    assert!(service.count("SELECT count(*) FROM auth.used_verifications").await > 0);

    // The identity key may not come back, with this number or another.
    for phone in [PHONE, NEW_PHONE] {
        let id = service.client().verified("register", phone).await;
        let body = json!({ "verificationId": id, "signalKeyBundle": keys.bundle(5..7, 5..7) });
        service.client().post("/auth/v1/register", body).await.refused(409, "identity_key_in_use");
    }
    let again = service.client().sign_up_with(PHONE, Keys::new().bundle(1..2, 1..2)).await;
    assert_ne!(again.user, session.user);
    assert!(is_alive(&service, &again).await);
}

#[tokio::test]
async fn nobody_retires_an_identity_key_that_they_only_saw() {
    let service = Service::with(&[("LEGACY_CLIENTS", "true"), ("RATE_LIMITS", "off")]).await;
    let keys = Keys::new();
    let mut bundle = keys.bundle(1..2, 1..2);
    bundle["identityProof"] = json!(null);
    let thief = service.client().sign_up_with(PHONE, bundle).await;
    let _ = delete_account(&of(&service, &thief), json!({})).await.expect(204);
    let _ = service.client().sign_up_with(NEW_PHONE, keys.bundle(1..2, 1..2)).await;
}

#[tokio::test]
async fn a_deletion_needs_a_fresh_proof() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    delete_account(&service.client(), json!({})).await.refused(401, "token_missing");
    let body = json!({ "proofVerificationId": "x" });
    delete_account(&of(&service, &session), body).await.refused(400, "validation_failed");
    service.advance(Duration::from_secs(121));
    delete_account(&of(&service, &session), json!({})).await.refused(403, "fresh_proof_required");
    service.advance(Duration::from_mins(10));
    let session = refreshed(&service, &session).await;
    delete_account(&of(&service, &session), json!({})).await.refused(403, "fresh_proof_required");
    let proof = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": proof });
    let _ = delete_account(&of(&service, &session), body).await.expect(204);
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 0);
    // The verification stays used: it logs nobody in to the next account of the number.
    let _ = service.client().sign_up(PHONE).await;
    let body = json!({ "verificationId": proof });
    service.client().post("/auth/v1/login", body).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn with_a_second_factor_a_deletion_needs_its_code() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let app = with_second_factor(&service, &session).await;
    let client = of(&service, &session);
    let proof = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": proof });
    delete_account(&client, body).await.refused(403, "two_factor_required");
    let wrong = app.wrong(service.now()).next().unwrap();
    delete_account(&client, json!({ "twoFactorToken": wrong }))
        .await
        .refused(401, "two_factor_invalid");
    let body = json!({ "twoFactorToken": app.at(service.now()) });
    let _ = delete_account(&client, body).await.expect(204);
}

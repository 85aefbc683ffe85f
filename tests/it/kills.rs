//! The service is killed (SIGKILL) at random moments while apps use it. Nothing is half-done,
//! no honest app is signed out, and no key is handed out twice. The checker itself finds
//! planted faults.

use serde_json::Value;
use std::path::Path;
use tests::invariants::violations;
use tests::soak;
use tests::stores::{Stores, connect};
use tests::{Keys, Service};

const PHONE: &str = "+33612345678";

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_at_random_moments_break_no_invariant() {
    let stores = Stores::fresh().await;
    let report = soak::kills(Path::new(env!("CARGO_BIN_EXE_soak")), &stores, 50).await;
    assert!(!report.is_wrong(), "{report:#?}");
    let sessions = "SELECT count(*) FROM auth.sessions";
    let client = connect(&stores.database_url).await;
    let sessions: i64 = client.query_one(sessions, &[]).await.unwrap().get(0);
    assert!(sessions > 5, "the apps did something: {sessions} sessions");
}

#[tokio::test]
async fn the_checker_finds_planted_faults() {
    // Each breaks one invariant, or makes a violation that the checker names so.
    for (planted, expected) in [
        ("DELETE FROM auth.used_verifications", "no used verification"),
        (
            "INSERT INTO auth.used_verifications VALUES (gen_random_uuid(), gen_random_uuid(), now())",
            "has no session",
        ),
        (
            "INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at,
               updated_at) VALUES (gen_random_uuid(), '+33700000000', now(), now(), now())",
            "has no device",
        ),
        ("DELETE FROM auth.sessions", "never had a session"),
        (
            "DROP INDEX auth.sessions_one_live_per_device;
             INSERT INTO auth.sessions SELECT (jsonb_populate_record(s, jsonb_build_object(
               'id', gen_random_uuid()))).* FROM auth.sessions s LIMIT 1",
            "two live sessions",
        ),
        ("DELETE FROM auth.login_history", "login history"),
        ("DELETE FROM auth.outbox WHERE topic = 'user.registered'", "announced exactly once"),
        ("DELETE FROM auth.outbox WHERE topic = 'session.ended'", "that ended was not announced"),
        (
            "UPDATE auth.sessions SET revoked_at = NULL, revoked_for = NULL
              WHERE revoked_at IS NOT NULL",
            "a live session was announced",
        ),
        (
            "UPDATE auth.outbox SET payload = jsonb_set(payload, '{entry}', '\"other\"')
              WHERE topic = 'audit' AND payload->>'entry' LIKE '%user_logged_in%'",
            "no audit entry",
        ),
        ("DELETE FROM auth.signed_prekeys", "no signed prekey"),
        ("UPDATE auth.security_events SET hash = sha256('other')", "not as its event"),
        (
            "INSERT INTO auth.dead_letters (seq, user_id, topic, payload, created_at, failures,
               reason, died_at) VALUES (1, gen_random_uuid(), 'test', '{}', now(), 1, '', now())",
            "a dead letter",
        ),
        ("UPDATE auth.audit_heads SET seq = seq + 1", "the audit head"),
        (
            "UPDATE auth.outbox SET payload = jsonb_set(payload, '{seq}', '7')
              WHERE topic = 'audit' AND payload->>'seq' = '2'",
            "breaks at 7",
        ),
    ] {
        let (service, _) = prepared().await;
        service.sql(planted).await;
        expect(&service, &[], expected).await;
    }

    let (service, key) = prepared().await;
    let mut redis = service.redis().await;
    let mut set = redis::cmd("SET");
    let () = set.arg("rate_limit:forgotten").arg(1).query_async(&mut redis).await.unwrap();
    expect(&service, &[], "never expires: rate_limit:forgotten").await;

    expect(&service, std::slice::from_ref(&key), "can be handed out again").await;
    expect(&service, &[key.clone(), key], "handed out 2 times").await;
}

/// An account with a session that has ended, and keys. Gives one that is unused.
async fn prepared() -> (Service, String) {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let bundle = Keys::new().bundle(1..3, 1..3);
    let key = bundle["preKeys"][0]["publicKey"].as_str().unwrap().to_owned();
    let _ = client.sign_up_with(PHONE, bundle).await;
    let session = client.log_in(PHONE, "phone-2").await;
    let client = client.bearer(&session.access);
    let _ = client.post("/auth/v1/logout", Value::Object(serde_json::Map::new())).await.expect(204);
    assert_eq!(violations(&service.stores, &[]).await, Vec::<String>::new());
    (service, key)
}

async fn expect(service: &Service, keys: &[String], expected: &str) {
    let found = violations(&service.stores, keys).await;
    assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:?}");
}

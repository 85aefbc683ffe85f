//! Log-ins and fresh proofs ask for the second factor; other sessions end when it changes.

use super::{Owner, PHONE, STEP, log_in, log_in_by, post, security_events, set_up, unlimited};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Client, Keys, Reply, Service, Session};

const KEYS: &str = "/auth/v1/signal/keys";

async fn written(service: &Service) -> Vec<Value> {
    let counts = "SELECT (SELECT count(*) FROM auth.sessions) AS sessions,
                         (SELECT count(*) FROM auth.devices) AS devices,
                         (SELECT count(*) FROM auth.used_verifications) AS used,
                         (SELECT count(*) FROM auth.outbox WHERE topic <> 'security.notice'
                             AND payload::text NOT LIKE '%log_in_stopped%') AS outbox";
    service.rows(counts).await
}

#[tokio::test]
async fn a_log_in_needs_the_code_and_a_refusal_leaves_the_verification_usable() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let client = service.client();
    let (id, code) = client.start("login", PHONE).await;
    let reply = client.confirm("login", &id, &code).await.expect(200);
    assert_eq!(reply.json()["requires2FA"], true);
    let before = written(&service).await;
    log_in_by(&client, &id, "phone-2", None).await.refused(403, "two_factor_required");
    let wrong = owner.wrong().next().unwrap();
    log_in_by(&client, &id, "phone-2", Some(&wrong)).await.refused(401, "two_factor_invalid");
    let reply = log_in_by(&client, &id, "phone-2", Some("none")).await;
    let reply = reply.refused(400, "validation_failed");
    assert_eq!(reply.json()["errors"][0]["field"], "twoFactorToken");
    assert_eq!(written(&service).await, before);
    let _ = log_in_by(&client, &id, "phone-2", Some(&owner.code())).await.expect(200);
    // The code and the verification are used.
    log_in_by(&client, &id, "phone-2", Some(&owner.backup_codes[0]))
        .await
        .refused(400, "verification_invalid");
    log_in(&client, "phone-3", Some(&owner.code())).await.refused(401, "two_factor_invalid");
    // A refused log-in spends no code.
    service.advance(STEP);
    let code = owner.code();
    let other = client.verified("login", PHONE).await;
    let body = json!({ "verificationId": other, "deviceId": "phone-4", "twoFactorToken": code,
                       "signalKeyBundle": bundle_of_another(&service).await });
    client.post("/auth/v1/login", body).await.refused(409, "identity_key_in_use");
    let _ = log_in_by(&client, &other, "phone-4", Some(&code)).await.expect(200);
}

/// Keys whose identity another account has proven.
async fn bundle_of_another(service: &Service) -> Value {
    let keys = Keys::new();
    let _ = service.client().sign_up_with("+33698765432", keys.bundle(1..2, 1..2)).await;
    keys.bundle(3..4, 3..4)
}

#[tokio::test]
async fn an_account_without_a_second_factor_ignores_a_code() {
    let service = unlimited().await;
    let _ = service.client().sign_up(PHONE).await;
    let _ = log_in(&service.client(), "phone-2", Some("123456")).await.expect(200);
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("two_factor:*")
        .query_async(&mut service.redis().await)
        .await
        .unwrap();
    assert!(keys.is_empty());
}

/// A request that needs a fresh proof.
async fn delete_keys(client: &Client, device: Option<&str>, body: Value) -> Reply {
    let path = device.map_or(KEYS.to_owned(), |device| format!("{KEYS}/device/{device}"));
    client.send(Method::DELETE, &path, &body).await
}

#[tokio::test]
async fn every_fresh_proof_needs_the_second_factor_and_a_step_up_serves_for_ten_minutes() {
    let service = unlimited().await;
    let keys = Keys::new();
    let session = service.client().sign_up_with(PHONE, keys.bundle(1..3, 1..3)).await;
    let mut owner = Owner::of(&service, session).await;
    let id = service.client().verified("login", PHONE).await;
    // The number is no proof beside a second factor, and a code in the body is none here.
    for device in [None, Some(owner.session.device.as_str())] {
        for body in [
            json!({}),
            json!({ "proofVerificationId": id }),
            json!({ "twoFactorToken": owner.code() }),
        ] {
            let reply = delete_keys(&owner.client(), device, body).await;
            reply.refused(403, "two_factor_required");
        }
    }
    assert!(owner.verifies(&owner.code()).await);
    service.advance(Duration::from_mins(10));
    owner.refresh().await;
    let body = json!({ "proofVerificationId": id });
    let device = owner.session.device.clone();
    let _ = delete_keys(&owner.client(), Some(&device), body).await.expect(204);
    service.advance(Duration::from_millis(1));
    let reply = delete_keys(&owner.client(), None, json!({})).await;
    reply.refused(403, "two_factor_required");
    // An old token is refused for its age, whatever the session has shown.
    assert!(owner.verifies(&owner.code()).await);
    service.advance(Duration::from_secs(121));
    let reply = delete_keys(&owner.client(), None, json!({})).await;
    reply.refused(403, "fresh_proof_required");
}

#[tokio::test]
async fn a_step_up_is_of_one_session_and_of_one_second_factor() {
    let service = unlimited().await;
    let mut owner = Owner::new(&service).await;
    let other = log_in(&service.client(), "phone-2", Some(&owner.code())).await.expect(200);
    let other = service.client().bearer(&Session::from_reply(&other).access);
    service.advance(STEP);
    assert!(owner.verifies(&owner.code()).await);
    let _ = delete_keys(&owner.client(), None, json!({})).await.expect(204);
    delete_keys(&other, None, json!({})).await.refused(403, "two_factor_required");
    // The next second factor was not shown.
    service.advance(STEP);
    let _ = owner.post("disable", &owner.code()).await.expect(200);
    service.advance(STEP);
    owner.refresh().await;
    let owner = Owner::of(&service, owner.session.clone()).await;
    let reply = delete_keys(&owner.client(), None, json!({})).await;
    reply.refused(403, "two_factor_required");
}

async fn ends_with(session: &Session, service: &Service) -> bool {
    let reply = service.client().ws_token(&session.access).await;
    if reply.status == 200 {
        return false;
    }
    reply.refused(401, "session_ended");
    service.client().refresh(&session.refresh).await.refused(401, "session_ended");
    true
}

#[tokio::test]
async fn enabling_and_disabling_end_all_other_sessions_at_once() {
    let service = unlimited().await;
    let first = service.client().sign_up(PHONE).await;
    let others =
        [service.client().log_in(PHONE, "b").await, service.client().log_in(PHONE, "c").await];
    for session in &others {
        let _ = service.client().ws_token(&session.access).await.expect(200);
    }
    let owner = Owner::of(&service, first).await;
    for session in &others {
        assert!(ends_with(session, &service).await);
    }
    assert!(!ends_with(&owner.session, &service).await);
    let reasons = "SELECT count(*) FROM auth.sessions WHERE revoked_for = 'second_factor_changed'";
    assert_eq!(service.count(reasons).await, 2);
    let told = "SELECT count(*) FROM auth.outbox WHERE topic = 'session.ended'";
    assert_eq!(service.count(told).await, 2);

    let other = log_in(&service.client(), "d", Some(&owner.code())).await.expect(200);
    let other = Session::from_reply(&other);
    service.advance(STEP);
    let _ = owner.post("disable", &owner.code()).await.expect(200);
    assert!(ends_with(&other, &service).await && !ends_with(&owner.session, &service).await);
    assert_eq!((service.count(reasons).await, service.count(told).await), (3, 3));
    assert_eq!(security_events(&service, "second_factor_enabled").await, 1);
    assert_eq!(security_events(&service, "second_factor_disabled").await, 1);
    // Without it a log-in is open again, and an ended session shows no known device.
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "d", "previousToken": other.refresh });
    let reply = service.client().post("/auth/v1/login", body).await.expect(200);
    let device = Session::from_reply(&reply).device;
    let verified = format!("SELECT is_verified FROM auth.devices WHERE id = '{device}'");
    assert_eq!(service.rows(&verified).await[0]["is_verified"], false);
}

#[tokio::test]
async fn a_newcomer_may_neither_set_up_nor_remove_it() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    // By the number alone: as a device would be that joined while there was no second factor.
    let thief = log_in(&service.client(), "phone-2", Some(&owner.code())).await.expect(200);
    let thief = Session::from_reply(&thief);
    service
        .sql(&format!("UPDATE auth.devices SET joined = 'sms' WHERE id = '{}'", thief.device))
        .await;
    let client = service.client().bearer(&thief.access);
    service.advance(STEP);
    for (n, route) in ["disable", "backup-codes", "backup-codes/regenerate"].into_iter().enumerate()
    {
        let body = json!({ "token": owner.backup_codes[n] });
        let reply = post(&client, route, body).await.refused(403, "device_too_new");
        assert!(reply.json()["allowedAt"].is_string());
    }
    assert_eq!(owner.remaining().await, 10, "a refusal spends no code");
    assert!(owner.is_enabled().await);
    // The device that was there first may.
    let _ = owner.post("disable", &owner.code()).await.expect(200);
}

#[tokio::test]
async fn with_legacy_clients_enabling_without_a_code_ends_no_session() {
    let service = Service::with(&[("LEGACY_CLIENTS", "true"), ("RATE_LIMITS", "off")]).await;
    let session = service.client().sign_up(PHONE).await;
    let other = service.client().log_in(PHONE, "phone-2").await;
    service.advance(Duration::from_mins(11));
    let refreshed = service.client().refresh(&session.refresh).await.expect(200);
    let owner = Owner::of(&service, Session::from_reply(&refreshed)).await;
    assert!(owner.is_enabled().await);
    let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
    assert_eq!(service.count(live).await, 2);
    let _ = service.client().refresh(&other.refresh).await.expect(200);
    // Disabling needs the code and ends them.
    let _ = owner.post("disable", &owner.code()).await.expect(200);
    assert_eq!(service.count(live).await, 1);
    // With a log-in of the last ten minutes, enabling does too.
    let session = service.client().log_in(PHONE, "phone-3").await;
    service.sql("UPDATE auth.devices SET joined = 'registered'").await;
    service.advance(STEP);
    let app = set_up(&service.client().bearer(&session.access)).await;
    let client = service.client().bearer(&session.access);
    let _ = post(&client, "enable", json!({ "token": app.at(service.now()) })).await.expect(200);
    assert_eq!(service.count(live).await, 1);
}

/// The old token of a shipped app is 401, and then it refreshes and sends the same code again.
#[tokio::test]
async fn with_legacy_clients_an_old_token_is_refreshed_and_the_code_is_still_good() {
    let service = Service::with(&[("LEGACY_CLIENTS", "true"), ("RATE_LIMITS", "off")]).await;
    let mut owner = Owner::new(&service).await;
    service.advance(Duration::from_mins(3));
    let code = owner.code();
    owner.post("disable", &code).await.refused(401, "token_expired");
    owner.refresh().await;
    let _ = owner.post("disable", &code).await.expect(200);
}

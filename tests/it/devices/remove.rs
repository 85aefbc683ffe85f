//! A device is removed: its sessions end with the very next request, its keys leave the directory,
//! and what must be remembered of it is. An older device is removed with a fresh proof only.

use super::{
    DEVICES, PHONE, UNKNOWN, devices, is_alive, legacy, list, log_in, of, refreshed, remove,
    security_events, unlimited,
};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Authenticator, Keys, Service, Session};

const KEYS: &str = "/auth/v1/signal/keys";

async fn outbox(service: &Service, topic: &str) -> Vec<Value> {
    let query = format!("SELECT payload FROM auth.outbox WHERE topic = '{topic}' ORDER BY seq");
    service.rows(&query).await.into_iter().map(|mut row| row["payload"].take()).collect()
}

#[tokio::test]
async fn the_very_next_request_of_a_removed_device_is_refused_everywhere() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let sessions = devices(&service, 3).await;
    // Both sandboxes have seen all sessions, and Redis caches them.
    for session in &sessions {
        assert!(is_alive(&service, session).await && is_alive(&sandbox, session).await);
    }
    // A token that is hours old removes younger devices, and its own.
    let _ = remove(&service, &sessions[1], &sessions[2].device, json!({})).await.expect(204);
    assert!(!is_alive(&sandbox, &sessions[2]).await);
    assert!(!is_alive(&service, &sessions[2]).await);
    assert!(is_alive(&sandbox, &sessions[1]).await);
    let _ = remove(&service, &sessions[1], &sessions[1].device, json!({})).await.expect(204);
    assert!(!is_alive(&sandbox, &sessions[1]).await);
    assert!(is_alive(&sandbox, &sessions[0]).await);
    assert_eq!(super::ids(&list(&service, &sessions[0]).await), [&sessions[0].device]);
    remove(&service, &sessions[0], &sessions[2].device, json!({}))
        .await
        .refused(404, "device_not_found");

    // Also without Redis remembering anything: no row is left to ask.
    let mut redis = service.redis().await;
    let _: () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    for gone in &sessions[1..] {
        assert!(!is_alive(&service, gone).await);
    }
    assert!(is_alive(&service, &sessions[0]).await);
    let ended = outbox(&service, "session.ended").await;
    assert_eq!(ended.len(), 2);
    let removed = outbox(&service, "device.removed").await;
    let expected: Vec<Value> = [&sessions[2], &sessions[1]]
        .map(|gone| {
            json!({ "userId": gone.user, "deviceId": gone.device,
                    "timestamp": service.now().millis() })
        })
        .into();
    assert_eq!(removed, expected);
    assert_eq!(security_events(&service, "device_removed").await, 2);
    // The history stays, without the devices.
    let history = "SELECT count(*) FROM auth.login_history";
    assert_eq!(service.count(history).await, 3);
    assert_eq!(service.count(&format!("{history} WHERE device_id IS NULL")).await, 2);
}

/// The bound where Redis could not be told: an entry that says `alive` is as old as the last look
/// into the store, and no request prolongs it.
#[tokio::test]
async fn what_redis_was_not_told_is_believed_for_a_minute_at_most() {
    let service = unlimited().await;
    let session = devices(&service, 1).await.remove(0);
    assert!(is_alive(&service, &session).await);
    service.sql("DELETE FROM auth.devices").await;
    assert!(is_alive(&service, &session).await);
    let mut redis = service.redis().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("session:*").query_async(&mut redis).await.unwrap();
    assert_eq!(keys.len(), 1);
    let left: i64 = redis::cmd("PTTL").arg(&keys).query_async(&mut redis).await.unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    let () = redis::cmd("DEL").arg(&keys).query_async(&mut redis).await.unwrap();
    assert!(!is_alive(&service, &session).await);
}

#[tokio::test]
async fn its_keys_leave_the_directory_and_neither_they_nor_its_number_come_back() {
    let service = unlimited().await;
    let (keys, other_keys) = (Keys::new(), Keys::new());
    let first = service.client().sign_up_with(PHONE, keys.bundle(1..5, 1..5)).await;
    let bundle = other_keys.bundle(1..4, 1..4);
    let second = service.client().log_in_with(PHONE, "phone-2", bundle.clone()).await;
    let client = of(&service, &first);
    let path = format!("{KEYS}/{}/devices/{}", second.user, second.device);
    let taken = client.get(&path).await.expect(200).json();
    let listed = client.get(&format!("{KEYS}/{}/devices", first.user)).await.expect(200).json();
    assert_eq!(listed["devices"][1]["signalDeviceId"], 2);
    assert!(taken["preKey"].is_object() && taken["kyberPreKey"].is_object());

    let _ = remove(&service, &first, &second.device, json!({})).await.expect(204);
    client.get(&path).await.refused(404, "keys_not_found");
    let after = client.get(&format!("{KEYS}/{}/devices", first.user)).await.expect(200).json();
    assert_eq!(after["deviceIds"], json!([first.device]));
    let version = |list: &Value| list["version"].as_i64().unwrap();
    assert_eq!(version(&after), version(&listed) + 1);
    for table in ["identity_keys", "signed_prekeys", "kyber_last_resort_prekeys"] {
        let left = format!("SELECT count(*) FROM auth.{table}");
        assert_eq!(service.count(&left).await, 1, "{table}");
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.prekey_pages").await, 2);
    let released = service
        .rows("SELECT signal_device_id, registration_id FROM auth.released_signal_device_ids")
        .await;
    let registration = bundle["registrationId"].clone();
    assert_eq!(released, [json!({ "signal_device_id": 2, "registration_id": registration })]);

    // The same phone joins anew, with the same keys: another number, and the keys that were handed
    // out are not handed out again.
    let again = service.client().log_in_with(PHONE, "phone-2", bundle).await;
    assert_ne!(again.device, second.device);
    let listed = client.get(&format!("{KEYS}/{}/devices", first.user)).await.expect(200).json();
    assert_eq!(listed["devices"][1]["signalDeviceId"], 3);
    let path = format!("{KEYS}/{}/devices/{}", again.user, again.device);
    let mut seen = vec![taken["preKey"]["publicKey"].clone()];
    for _ in 0..2 {
        let bundle = client.get(&path).await.expect(200).json();
        assert!(!seen.contains(&bundle["preKey"]["publicKey"]), "handed out twice");
        seen.push(bundle["preKey"]["publicKey"].clone());
    }
    let empty = client.get(&path).await.expect(200).json();
    assert_eq!(empty.get("preKey"), None, "three keys were uploaded");
}

/// Somebody with a phone and a tablet that joined by SMS so long ago that it is no newcomer, and
/// whose log-in proves nothing any more. Both are in use.
async fn settled(service: &Service) -> (Session, Session) {
    let sessions = devices(service, 2).await;
    service.advance(Duration::from_hours(8 * 24));
    (refreshed(service, &sessions[0]).await, refreshed(service, &sessions[1]).await)
}

#[tokio::test]
async fn an_older_device_is_removed_with_a_young_token_and_a_code() {
    let service = unlimited().await;
    let (phone, tablet) = settled(&service).await;
    let client = service.client();
    let by_tablet = async |body: Value| {
        let tablet = refreshed(&service, &tablet).await;
        remove(&service, &tablet, &phone.device, body).await
    };
    by_tablet(json!({})).await.refused(403, "fresh_proof_required");
    for proves_nothing in [client.start("login", PHONE).await.0, UNKNOWN.to_owned()] {
        let body = json!({ "proofVerificationId": proves_nothing });
        by_tablet(body).await.refused(403, "fresh_proof_required");
    }
    by_tablet(json!({ "proofVerificationId": "x" })).await.refused(400, "validation_failed");
    let id = client.verified("login", PHONE).await;
    let proof = json!({ "proofVerificationId": id });
    // The proof makes no old token young.
    let old = refreshed(&service, &tablet).await;
    service.advance(Duration::from_secs(121));
    remove(&service, &old, &phone.device, proof.clone()).await.refused(403, "fresh_proof_required");
    let young = refreshed(&service, &old).await;
    // What does not exist uses nothing up; nor does what needs no proof.
    remove(&service, &young, UNKNOWN, proof.clone()).await.refused(404, "device_not_found");
    let watch = client.log_in(PHONE, "watch").await;
    let _ = remove(&service, &young, &watch.device, proof.clone()).await.expect(204);
    assert!(is_alive(&service, &phone).await);
    let _ = remove(&service, &young, &phone.device, proof.clone()).await.expect(204);
    assert!(!is_alive(&service, &phone).await);
    assert!(is_alive(&service, &young).await);
    // It was used, by this.
    let body = json!({ "verificationId": id, "deviceId": "another" });
    client.post("/auth/v1/login", body).await.refused(400, "verification_invalid");
    client.get(&format!("/auth/v1/verify/{id}")).await.refused(404, "verification_not_found");
    assert_eq!(service.count(DEVICES).await, 1);
}

#[tokio::test]
async fn the_second_factor_guards_older_devices_alone() {
    let service = unlimited().await;
    let (phone, tablet) = settled(&service).await;
    let watch = service.client().log_in(PHONE, "watch").await;
    service.sql("UPDATE auth.users_auth SET two_factor_enabled = true").await;
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": id });
    let tablet = refreshed(&service, &tablet).await;
    remove(&service, &tablet, &phone.device, body).await.refused(403, "two_factor_required");
    let _ = remove(&service, &tablet, &watch.device, json!({})).await.expect(204);
    // A step-up of the session is the factor.
    service
        .sql(&format!(
            "UPDATE auth.sessions SET stepped_up_at = to_timestamp({} / 1000.0)
              WHERE device_id = '{}'",
            service.now().millis(),
            tablet.device
        ))
        .await;
    let _ = remove(&service, &tablet, &phone.device, json!({})).await.expect(204);
}

#[tokio::test]
async fn a_code_of_the_second_factor_removes_an_older_device_once() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let client = of(&service, &phone);
    let set_up = client.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
    let app = Authenticator::from_base32(set_up["secret"].as_str().unwrap());
    let code = |service: &Service| app.at(service.now());
    let body = json!({ "token": code(&service) });
    let _ = client.post("/auth/v1/2fa/enable", body).await.expect(200);
    let mut tablets = Vec::new();
    for n in 0..2 {
        service.advance(Duration::from_secs(30));
        let body = json!({ "deviceId": format!("tablet-{n}"), "twoFactorToken": code(&service) });
        tablets.push(Session::from_reply(&log_in(&service, body).await.expect(200)));
    }
    service.advance(Duration::from_secs(30));
    let by_tablet = async |older: &Session, body: Value| {
        remove(&service, &tablets[1], &older.device, body).await
    };
    by_tablet(&phone, json!({})).await.refused(403, "two_factor_required");
    let number = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": number });
    by_tablet(&phone, body).await.refused(403, "two_factor_required");
    let wrong = if code(&service) == "000000" { "000001" } else { "000000" };
    let body = json!({ "twoFactorToken": wrong });
    by_tablet(&phone, body).await.refused(401, "two_factor_invalid");
    let body = json!({ "twoFactorToken": "x" });
    by_tablet(&phone, body).await.refused(400, "validation_failed");
    assert!(is_alive(&service, &phone).await);
    let body = json!({ "twoFactorToken": code(&service) });
    let _ = by_tablet(&tablets[0], body.clone()).await.expect(204);
    assert!(!is_alive(&service, &tablets[0]).await);
    by_tablet(&phone, body).await.refused(401, "two_factor_invalid");
    service.advance(Duration::from_secs(30));
    let body = json!({ "twoFactorToken": code(&service) });
    let _ = by_tablet(&phone, body).await.expect(204);
    assert!(!is_alive(&service, &phone).await);
}

/// The shipped app refreshes after a 401, and after nothing else.
#[tokio::test]
async fn with_legacy_clients_an_old_token_is_answered_as_an_expired_one() {
    let service = legacy().await;
    let (phone, tablet) = settled(&service).await;
    let proof = json!({ "proofVerificationId": service.client().verified("login", PHONE).await });
    service.advance(Duration::from_secs(121));
    remove(&service, &tablet, &phone.device, proof.clone()).await.refused(401, "token_expired");
    let tablet = refreshed(&service, &tablet).await;
    remove(&service, &tablet, &phone.device, json!({})).await.refused(403, "fresh_proof_required");
    let _ = remove(&service, &tablet, &phone.device, proof).await.expect(204);
}

#[tokio::test]
async fn an_earlier_token_of_a_removed_device_proves_nothing() {
    let service = unlimited().await;
    let sessions = devices(&service, 2).await;
    let joined = async |session: &Session| {
        let query = format!("SELECT joined FROM auth.devices WHERE id = '{}'", session.device);
        service.rows(&query).await.remove(0)["joined"].take()
    };
    let with_token = |token: &str| json!({ "deviceId": "new", "previousToken": token });
    let reply = log_in(&service, with_token(&sessions[1].refresh)).await.expect(200);
    let new = Session::from_reply(&reply);
    assert_eq!(joined(&new).await, "proven");
    let _ = remove(&service, &new, &new.device, json!({})).await.expect(204);
    let _ = remove(&service, &sessions[0], &sessions[1].device, json!({})).await.expect(204);
    let reply = log_in(&service, with_token(&sessions[1].refresh)).await.expect(200);
    assert_eq!(joined(&Session::from_reply(&reply)).await, "sms");
}

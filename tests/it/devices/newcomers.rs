//! A SIM swapper's log-in is a perfect log-in. For seven days, a device that joined by SMS alone
//! beside a verified one in use reaches no older device. One test per column of the table in
//! docs/security.md; each row is an action on its own, a younger and an older device.

use super::{PHONE, devices, is_alive, log_in, of, patch, refreshed, remove, unlimited};
use serde_json::json;
use shared::clock::date_time;
use std::time::Duration;
use tests::{Reply, Service, Session};

const WEEK: Duration = Duration::from_hours(7 * 24);

/// A first device, then a newcomer, then a younger one.
async fn three(service: &Service) -> [Session; 3] {
    devices(service, 3).await.try_into().unwrap()
}

async fn log_out(service: &Service, by: &Session, device: &str) -> Reply {
    of(service, by).post("/auth/v1/logout", json!({ "deviceId": device })).await
}

/// Refused as a newcomer, until then.
#[track_caller]
fn too_new(reply: Reply, allowed_at: &str) {
    assert_eq!(reply.json()["allowedAt"], allowed_at, "{}", reply.json());
    reply.refused(403, "device_too_new");
}

#[tokio::test]
async fn a_newcomer_reaches_no_older_device() {
    let service = unlimited().await;
    let joined = service.now() + Duration::from_mins(1);
    let [first, newcomer, _] = three(&service).await;
    // The first device was last active when it registered, a minute before.
    let until = date_time(joined - Duration::from_mins(1) + WEEK);
    too_new(remove(&service, &newcomer, &first.device, json!({})).await, &until);
    too_new(log_out(&service, &newcomer, &first.device).await, &until);
    let body = json!({ "deviceName": "Mine", "fcmToken": "mine" });
    too_new(patch(&service, &newcomer, &first.device, body).await, &until);
    // Whatever it shows: it could have the number too.
    let proof = json!({ "proofVerificationId": service.client().verified("login", PHONE).await });
    too_new(remove(&service, &newcomer, &first.device, proof).await, &until);

    // What is refused has changed nothing.
    assert!(is_alive(&service, &first).await);
    assert_eq!(service.count(super::DEVICES).await, 3);
    let changed = "SELECT count(*) FROM auth.devices WHERE fcm_token IS NOT NULL";
    assert_eq!(service.count(changed).await, 0);

    // The other one's activity prolongs it, up to a week after it joined.
    service.advance(Duration::from_hours(24));
    let first = refreshed(&service, &first).await;
    let newcomer = refreshed(&service, &newcomer).await;
    let until = date_time(joined + WEEK);
    too_new(log_out(&service, &newcomer, &first.device).await, &until);
}

#[tokio::test]
async fn a_newcomer_reaches_itself_and_younger_devices() {
    let service = unlimited().await;
    let [first, newcomer, younger] = three(&service).await;
    for device in [&newcomer.device, &younger.device] {
        let body = json!({ "deviceName": "Renamed" });
        let _ = patch(&service, &newcomer, device, body).await.expect(200);
    }
    let _ = log_out(&service, &newcomer, &younger.device).await.expect(204);
    assert!(!is_alive(&service, &younger).await);
    let _ = remove(&service, &newcomer, &younger.device, json!({})).await.expect(204);
    let _ = log_out(&service, &newcomer, &newcomer.device).await.expect(204);
    assert!(!is_alive(&service, &newcomer).await);
    let newcomer = service.client().log_in(PHONE, "phone-1").await;
    let _ = remove(&service, &newcomer, &newcomer.device, json!({})).await.expect(204);
    assert!(!is_alive(&service, &newcomer).await);
    assert!(is_alive(&service, &first).await);
}

#[tokio::test]
async fn a_newcomer_that_logs_out_all_ends_itself_and_younger_devices() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let [first, newcomer, younger] = three(&service).await;
    for session in [&first, &newcomer, &younger] {
        assert!(is_alive(&sandbox, session).await);
    }
    let all = "/auth/v1/logout/all";
    let _ = of(&service, &newcomer).post(all, json!({})).await.expect(204);
    assert!(is_alive(&sandbox, &first).await);
    assert!(!is_alive(&sandbox, &newcomer).await);
    assert!(!is_alive(&sandbox, &younger).await);
    // The first device ends all.
    let again = service.client().log_in(PHONE, "phone-1").await;
    let _ = of(&service, &first).post(all, json!({})).await.expect(204);
    assert!(!is_alive(&sandbox, &first).await);
    assert!(!is_alive(&sandbox, &again).await);
    let foreign = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
    assert_eq!(service.count(foreign).await, 0);
}

#[tokio::test]
async fn an_older_device_reaches_all_younger_ones() {
    let service = unlimited().await;
    let [first, newcomer, younger] = three(&service).await;
    service.advance(Duration::from_mins(12));
    let _ = log_out(&service, &first, &newcomer.device).await.expect(204);
    assert!(!is_alive(&service, &newcomer).await);
    let body = json!({ "deviceName": "Renamed" });
    let _ = patch(&service, &first, &younger.device, body).await.expect(200);
    for device in [&newcomer.device, &younger.device, &first.device] {
        let _ = remove(&service, &first, device, json!({})).await.expect(204);
    }
    assert_eq!(service.count(super::DEVICES).await, 0);
}

#[tokio::test]
async fn nobody_is_a_newcomer_for_more_than_a_week() {
    let service = unlimited().await;
    let [first, newcomer, _] = three(&service).await;
    service.advance(Duration::from_mins(7 * 24 * 60 - 3));
    let first = refreshed(&service, &first).await;
    let newcomer = refreshed(&service, &newcomer).await;
    log_out(&service, &newcomer, &first.device).await.refused(403, "device_too_new");
    // One minute after the first device, it joined: a week later it is none.
    service.advance(Duration::from_mins(2));
    let newcomer = refreshed(&service, &newcomer).await;
    let body = json!({ "deviceName": "Renamed" });
    let _ = patch(&service, &newcomer, &first.device, body).await.expect(200);
    let _ = log_out(&service, &newcomer, &first.device).await.expect(204);
    assert!(!is_alive(&service, &first).await);
}

#[tokio::test]
async fn beside_no_verified_device_in_use_nobody_is_a_newcomer() {
    for change in [
        "UPDATE auth.devices SET is_verified = false",
        "UPDATE auth.devices SET last_active = last_active - interval '7 days';
         UPDATE auth.sessions SET rotated_at = rotated_at - interval '7 days'",
    ] {
        let service = unlimited().await;
        let [first, newcomer, _] = three(&service).await;
        log_out(&service, &newcomer, &first.device).await.refused(403, "device_too_new");
        service.sql(change).await;
        let _ = log_out(&service, &newcomer, &first.device).await.expect(204);
    }
}

/// Whoever shows an earlier token as well is no SIM swapper.
#[tokio::test]
async fn a_device_that_shows_more_than_the_number_is_no_newcomer() {
    let service = unlimited().await;
    let [first, _, younger] = three(&service).await;
    let body = json!({ "deviceId": "new", "previousToken": younger.refresh });
    let proven = Session::from_reply(&log_in(&service, body).await.expect(200));
    // A fresh proof it needs all the same: its log-in is one.
    let _ = log_out(&service, &proven, &younger.device).await.expect(204);
    let _ = remove(&service, &proven, &first.device, json!({})).await.expect(204);
    assert!(!is_alive(&service, &first).await);
}

/// Its row is old, but whoever logged in on it by SMS alone came last.
#[tokio::test]
async fn a_log_in_under_the_id_of_an_old_device_is_a_newcomers() {
    let service = unlimited().await;
    let first = service.client().sign_up(PHONE).await;
    let second = service.client().log_in(PHONE, "phone-2").await;
    service.advance(WEEK + Duration::from_hours(1));
    let first = refreshed(&service, &first).await;
    let swapper = service.client().log_in(PHONE, "phone-2").await;
    assert_eq!(swapper.device, second.device);
    log_out(&service, &swapper, &first.device).await.refused(403, "device_too_new");
    let _ = log_out(&service, &first, &swapper.device).await.expect(204);
}

//! An account has ten devices at most, under any concurrency. The next log-in of a new device is
//! told of them, and replaces one that it may replace.

use super::{
    DEVICES, OTHER_PHONE, PHONE, UNKNOWN, devices, ids, is_alive, list, log_in, of, refreshed,
    remove, security_events, unlimited,
};
use serde_json::{Value, json};
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Keys, Service, Session};

const USED: &str = "SELECT count(*) FROM auth.used_verifications";

/// The same service as shipped clients use it. They get few codes of six digits a day, so tests log
/// in there with verifications of the other.
async fn with_legacy_clients(service: &Service) -> Service {
    service.with_more(&[("LEGACY_CLIENTS", "true")]).await
}

async fn full(service: &Service) -> Vec<Session> {
    devices(service, 10).await
}

fn replaceable(problem: &Value) -> Vec<&str> {
    let devices = problem["devices"].as_array().unwrap().iter();
    let devices = devices.filter(|device| device["replaceable"] == true);
    devices.map(|device| device["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_eleventh_device_replaces_one_that_its_user_chooses() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let sessions = full(&service).await;
    let client = service.client();
    let id = client.verified("login", PHONE).await;
    let used = service.count(USED).await;
    let ask = async |replaced: Option<&str>| {
        let body = json!({ "verificationId": id, "deviceId": "new", "replaceDeviceId": replaced,
                           "signalKeyBundle": Keys::new().bundle(1..3, 1..3) });
        client.post("/auth/v1/login", body).await
    };
    let reply = ask(None).await;
    let problem = reply.json();
    reply.refused(409, "device_limit");
    // The same devices as the list shows, in its order, and nothing secret.
    let listed = list(&service, &sessions[0]).await;
    let told = problem["devices"].as_array().unwrap();
    assert_eq!(ids(told), ids(&listed));
    for (told, listed) in told.iter().zip(&listed) {
        for name in
            ["deviceName", "deviceType", "lastActive", "createdAt", "isVerified", "isActive"]
        {
            assert_eq!(told[name], listed[name], "{name}");
        }
    }
    // All but the first, which is verified and in use.
    let younger: Vec<&str> = sessions[1..].iter().rev().map(|one| one.device.as_str()).collect();
    assert_eq!(replaceable(&problem), younger);

    let foreign = client.sign_up(OTHER_PHONE).await;
    for refused in [&*sessions[0].device, &foreign.device, UNKNOWN] {
        ask(Some(refused)).await.refused(409, "device_limit");
    }
    ask(Some("x")).await.refused(400, "validation_failed");
    assert_eq!(service.count(DEVICES).await, 11);
    assert_eq!(service.count(USED).await, used + 1, "the other account's registration alone");
    for session in sessions.iter().chain([&foreign]) {
        assert!(is_alive(&sandbox, session).await);
    }

    // The same verification, with a choice.
    let reply = ask(Some(&sessions[4].device)).await.expect(200);
    let new = Session::from_reply(&reply);
    assert!(!is_alive(&sandbox, &sessions[4]).await, "the very next request is refused");
    assert!(is_alive(&sandbox, &new).await && is_alive(&sandbox, &sessions[0]).await);
    let devices = list(&service, &new).await;
    assert_eq!(devices.len(), 10);
    assert!(!ids(&devices).contains(&sessions[4].device.as_str()));
    assert_eq!(security_events(&service, "device_removed").await, 1);
    let removed =
        "SELECT payload->>'deviceId' AS id FROM auth.outbox WHERE topic = 'device.removed'";
    assert_eq!(service.rows(removed).await, [json!({ "id": sessions[4].device })]);
    ask(None).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn a_device_that_comes_back_or_a_free_place_asks_for_no_choice() {
    let service = unlimited().await;
    let sessions = full(&service).await;
    for n in [1, 9] {
        let body =
            json!({ "deviceId": format!("phone-{n}"), "replaceDeviceId": sessions[5].device });
        let reply = log_in(&service, body).await.expect(200);
        assert_eq!(Session::from_reply(&reply).device, sessions[n].device);
    }
    let reply = log_in(&service, json!({ "deviceId": sessions[0].device })).await.expect(200);
    assert_eq!(Session::from_reply(&reply).device, sessions[0].device);
    log_in(&service, json!({})).await.refused(409, "device_limit");
    assert!(is_alive(&service, &sessions[5]).await);
    // There is a place again: what was chosen before is not removed for nothing.
    let _ = remove(&service, &sessions[5], &sessions[6].device, json!({})).await.expect(204);
    let body = json!({ "deviceId": "new", "replaceDeviceId": sessions[5].device });
    let _ = log_in(&service, body).await.expect(200);
    assert!(is_alive(&service, &sessions[5]).await);
    assert_eq!(service.count(DEVICES).await, 10);
}

#[tokio::test]
async fn a_verified_device_is_replaced_when_inactive_or_by_who_shows_more() {
    let service = unlimited().await;
    let sessions = full(&service).await;
    let choose = |device: &str| json!({ "replaceDeviceId": device });
    let first = &sessions[0].device;
    // 30 days after it registered, a minute before the next device.
    service.advance(Duration::from_hours(30 * 24) - Duration::from_mins(10));
    let _ = log_in(&service, choose(first)).await.refused(409, "device_limit");
    service.advance(Duration::from_mins(1));
    let _ = log_in(&service, choose(first)).await.expect(200);

    let service = unlimited().await;
    let sessions = full(&service).await;
    let mut body = choose(&sessions[0].device);
    body["previousToken"] = sessions[3].refresh.clone().into();
    let _ = log_in(&service, body).await.expect(200);
    assert!(!is_alive(&service, &sessions[0]).await);
    assert_eq!(service.count(DEVICES).await, 10);
}

/// Shipped clients cannot choose.
#[tokio::test]
async fn with_legacy_clients_the_device_inactive_for_longest_makes_room() {
    let service = unlimited().await;
    let shipped = with_legacy_clients(&service).await;
    let log_in = async |mut body: Value| {
        body["verificationId"] = service.client().verified("login", PHONE).await.into();
        shipped.client().post("/auth/v1/login", body).await
    };
    let sessions = full(&service).await;
    // The second device becomes active again; the first is verified, and never replaced so.
    service.advance(Duration::from_mins(1));
    let second = refreshed(&service, &sessions[1]).await;
    let _ = log_in(json!({ "deviceId": "new-1" })).await.expect(200);
    assert!(!is_alive(&service, &sessions[2]).await);
    service.advance(Duration::from_mins(1));
    let _ = log_in(json!({ "deviceId": "new-2" })).await.expect(200);
    assert!(!is_alive(&service, &sessions[3]).await);
    // Who can choose, may.
    let body = json!({ "deviceId": "new-3", "replaceDeviceId": sessions[9].device });
    let _ = log_in(body).await.expect(200);
    assert!(!is_alive(&service, &sessions[9]).await);
    for alive in [&sessions[0], &second, &sessions[4]] {
        assert!(is_alive(&service, alive).await);
    }
    assert_eq!(service.count(DEVICES).await, 10);
    // A number alone never drives out the last verified ones in use.
    service.sql("UPDATE auth.devices SET is_verified = true").await;
    log_in(json!({ "deviceId": "new-4" })).await.refused(409, "device_limit");
    // After a month without use the oldest goes.
    service.advance(Duration::from_hours(31 * 24));
    let _ = log_in(json!({ "deviceId": "new-4" })).await.expect(200);
    let first = format!("{DEVICES} WHERE id = '{}'", sessions[0].device);
    assert_eq!(service.count(&first).await, 0);
    assert_eq!(service.count(DEVICES).await, 10);
}

/// Thirty log-ins of new devices, over four sandboxes of a service, each with a verification of its own.
async fn thirty(service: &Service, of: &Service, body: &Value) -> Vec<tests::Reply> {
    let mut sandboxes = vec![of.clone()];
    for _ in 0..3 {
        sandboxes.push(of.sandbox().await);
    }
    let mut bodies = Vec::new();
    for n in 0..30 {
        let mut body = body.clone();
        body["verificationId"] = service.client().verified("login", PHONE).await.into();
        body["deviceId"] = format!("racer-{n}").into();
        bodies.push(body);
    }
    let log_ins = bodies.into_iter().enumerate().map(|(n, body)| {
        let client = sandboxes[n % 4].client();
        async move { client.post("/auth/v1/login", body).await }
    });
    together(log_ins).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_log_ins_at_once_as_many_come_in_as_there_are_places() {
    for (before, places) in [(3, 7), (9, 1), (10, 0)] {
        let service = unlimited().await;
        let first = devices(&service, before).await.remove(0);
        let replies = thirty(&service, &service, &json!({})).await;
        let mut expected = counts([("409 device_limit", 30 - places)]);
        if places > 0 {
            expected.insert("200".to_owned(), places);
        }
        assert_eq!(tally(&replies), expected);
        assert_eq!(service.count(DEVICES).await, 10);
        assert_eq!(list(&service, &first).await.len(), 10);
        for reply in replies.iter().filter(|reply| reply.status.is_success()) {
            assert!(is_alive(&service, &Session::from_reply(reply)).await);
        }
    }
}

/// All want to replace the same device: one does.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_makes_room_for_one_log_in() {
    let service = unlimited().await;
    let sessions = full(&service).await;
    let body = json!({ "replaceDeviceId": sessions[5].device });
    let replies = thirty(&service, &service, &body).await;
    assert_eq!(tally(&replies), counts([("200", 1), ("409 device_limit", 29)]));
    assert_eq!(service.count(DEVICES).await, 10);
    assert!(!is_alive(&service, &sessions[5]).await);
    assert_eq!(security_events(&service, "device_removed").await, 1);
}

/// Shipped clients come in one after the other; there are never eleven rows.
#[tokio::test(flavor = "multi_thread")]
async fn with_legacy_clients_thirty_log_ins_at_once_leave_ten_devices() {
    let service = unlimited().await;
    let shipped = with_legacy_clients(&service).await;
    let sessions = full(&service).await;
    // Else one of them is as new as the thirty, and may stay in the place of one.
    service.advance(Duration::from_mins(1));
    let replies = thirty(&service, &shipped, &json!({})).await;
    assert_eq!(tally(&replies), counts([("200", 30)]));
    assert_eq!(service.count(DEVICES).await, 10);
    let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
    assert_eq!(service.count(live).await, 10);
    assert!(is_alive(&service, &sessions[0]).await, "the verified device stays");
    let mut alive = 0;
    for reply in &replies {
        alive += usize::from(is_alive(&service, &Session::from_reply(reply)).await);
    }
    assert_eq!(alive, 9);
}

#[tokio::test]
async fn a_refused_log_in_ends_and_writes_nothing() {
    let service = unlimited().await;
    let sessions = full(&service).await;
    let rows = "SELECT (SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL)
                     + (SELECT count(*) FROM auth.login_history)
                     + (SELECT count(*) FROM auth.outbox)
                     + (SELECT count(*) FROM auth.security_events)
                     + (SELECT count(*) FROM auth.used_verifications)";
    let before = service.count(rows).await;
    log_in(&service, json!({ "deviceId": "new" })).await.refused(409, "device_limit");
    // A bundle that clashes undoes the replacement with everything else.
    let mut bundle = Keys::new().bundle(1..3, 1..3);
    bundle["kyberPreKeys"][0]["publicKey"] = bundle["kyberLastResortPreKey"]["publicKey"].clone();
    bundle["kyberPreKeys"][0]["signature"] = bundle["kyberLastResortPreKey"]["signature"].clone();
    let body = json!({ "deviceId": "new", "replaceDeviceId": sessions[5].device,
                       "signalKeyBundle": bundle });
    let reply = log_in(&service, body).await;
    assert!(reply.status.is_client_error(), "{}", reply.json());
    assert_eq!(service.count(rows).await, before);
    for session in &sessions {
        let _ = of(&service, session).get("/auth/v1/device").await.expect(200);
    }
}

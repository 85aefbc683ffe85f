//! The list of devices, one device, and what can be changed of it.

use super::{DEVICE, OTHER_PHONE, PHONE, ids, list, log_in, of, patch, refreshed, unlimited};
use serde_json::{Value, json};
use shared::clock::date_time;
use std::time::Duration;
use tests::Session;

#[tokio::test]
async fn a_device_is_told_in_the_words_of_new_and_of_shipped_clients_and_without_secrets() {
    let service = unlimited().await;
    let client = service.client();
    let id = client.verified("register", PHONE).await;
    let body = json!({
        "verificationId": id, "deviceId": "phone-1", "deviceName": "Anna’s phone",
        "deviceType": "ios", "model": "iPhone17,1", "osVersion": "18.5", "appVersion": "3.1.0",
        "fcmToken": "fcm-secret", "apnsToken": "apns-secret",
    });
    let reply = client.post("/auth/v1/register", body).await.expect(201);
    let session = Session::from_reply(&reply);
    let created = date_time(service.now());
    service.advance(Duration::from_mins(5));
    let session = refreshed(&service, &session).await;
    let active = date_time(service.now());

    let expected = json!({
        "id": session.device, "deviceName": "Anna’s phone", "deviceType": "ios",
        "model": "iPhone17,1", "osVersion": "18.5", "appVersion": "3.1.0", "lastActive": active,
        "createdAt": created, "isVerified": true, "isActive": true, "isCurrent": true,
        "name": "Anna’s phone", "platform": "ios", "last_active": active, "is_current": true,
    });
    assert_eq!(list(&service, &session).await, std::slice::from_ref(&expected));
    let path = format!("{DEVICE}/{}", session.device);
    let one = of(&service, &session).get(&path).await.expect(200);
    assert_eq!(one.json(), expected);

    // A device that said nothing has the words that were derived, and no others.
    let client = client.with_header("user-agent", "okhttp/4.12.0");
    let id = client.verified("login", PHONE).await;
    let body = json!({ "verificationId": id });
    let silent = client.post("/auth/v1/login", body).await.expect(200);
    let silent = Session::from_reply(&silent);
    let path = format!("{DEVICE}/{}", silent.device);
    let one = of(&service, &session).get(&path).await.expect(200).json();
    let now = date_time(service.now());
    let expected = json!({
        "id": silent.device, "deviceName": "Android device", "deviceType": "android",
        "lastActive": now, "createdAt": now, "isVerified": false, "isActive": true,
        "isCurrent": false, "name": "Android device", "platform": "android", "last_active": now,
        "is_current": false,
    });
    assert_eq!(one, expected);
}

#[tokio::test]
async fn the_newest_activity_comes_first_and_only_own_devices_come() {
    let service = unlimited().await;
    let _ = service.client().sign_up(OTHER_PHONE).await;
    let sessions = super::devices(&service, 3).await;
    let [first, second, third] = sessions.as_slice() else { unreachable!() };
    let expected = [&third.device, &second.device, &first.device];
    assert_eq!(ids(&list(&service, first).await), expected);
    // A refresh is an activity.
    service.advance(Duration::from_mins(1));
    let first = &refreshed(&service, first).await;
    let devices = list(&service, second).await;
    assert_eq!(ids(&devices), [&first.device, &third.device, &second.device]);
    let current: Vec<_> = devices.iter().filter(|one| one["isCurrent"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], second.device.as_str());
}

#[tokio::test]
async fn a_device_that_logged_out_or_whose_session_expired_is_not_active() {
    let service = unlimited().await;
    let sessions = super::devices(&service, 3).await;
    let _ = of(&service, &sessions[1]).post("/auth/v1/logout", json!({})).await.expect(204);
    let active = async |by: &Session| {
        let devices = list(&service, by).await;
        let active: Vec<bool> =
            devices.iter().map(|one| one["isActive"].as_bool().unwrap()).collect();
        active
    };
    assert_eq!(active(&sessions[0]).await, [true, false, true]);
    // The third device is not heard of for a month.
    let mut first = sessions[0].clone();
    for _ in 0..2 {
        service.advance(Duration::from_hours(20 * 24));
        first = refreshed(&service, &first).await;
    }
    assert_eq!(active(&first).await, [true, false, false]);
}

#[tokio::test]
async fn a_change_replaces_what_is_sent_and_nothing_else() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let row = async || {
        let query = format!(
            "SELECT device_name, fcm_token, apns_token, device_type, is_verified
               FROM auth.devices WHERE id = '{}'",
            session.device
        );
        service.rows(&query).await.remove(0)
    };
    let mut expected = row().await;
    for (body, columns) in [
        (json!({ "deviceName": "Kitchen ☕" }), json!({ "device_name": "Kitchen ☕" })),
        (json!({ "fcmToken": "fcm-1" }), json!({ "fcm_token": "fcm-1" })),
        (json!({ "apnsToken": "apns-1" }), json!({ "apns_token": "apns-1" })),
        (
            json!({ "fcmToken": "fcm-2", "deviceName": null, "unknown": 1 }),
            json!({ "fcm_token": "fcm-2" }),
        ),
        (json!({}), json!({})),
    ] {
        let reply = patch(&service, &session, &session.device, body).await.expect(200);
        for (name, value) in columns.as_object().unwrap() {
            expected[name] = value.clone();
        }
        assert_eq!(row().await, expected);
        let told = reply.json();
        assert_eq!(
            (&told["deviceName"], &told["name"]),
            (&expected["device_name"], &expected["device_name"])
        );
        assert_eq!(told, list(&service, &session).await[0]);
    }
    let too_long = |max: usize| json!("é".repeat(max + 1));
    for (field, max) in [("deviceName", 100), ("fcmToken", 4096), ("apnsToken", 4096)] {
        for bad in [too_long(max), json!(""), json!("a\0b"), json!(7), json!(["x"])] {
            let reply = patch(&service, &session, &session.device, json!({ field: bad })).await;
            let problem = reply.json();
            reply.refused(400, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        let longest = json!({ field: "é".repeat(max) });
        let _ = patch(&service, &session, &session.device, longest).await.expect(200);
    }
}

#[tokio::test]
async fn a_device_that_comes_back_keeps_the_name_that_its_user_gave() {
    let service = unlimited().await;
    let _ = service.client().sign_up(PHONE).await;
    let session = service.client().log_in(PHONE, "phone-1").await;
    let body = json!({ "deviceName": "Kitchen" });
    let _ = patch(&service, &session, &session.device, body).await.expect(200);
    service.advance(Duration::from_mins(1));
    let again = log_in(&service, json!({ "deviceId": "phone-1" })).await.expect(200);
    let again = Session::from_reply(&again);
    assert_eq!(again.device, session.device);
    let devices: Vec<Value> = list(&service, &again).await;
    assert_eq!(devices[0]["deviceName"], "Kitchen");
}

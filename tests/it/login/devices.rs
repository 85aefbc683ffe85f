//! The device of a log-in: found by the client's own id, made where it is new, described
//! by what was said or derived.

use super::{OTHER_PHONE, PHONE, log_in, register, unlimited};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Service, Session};

async fn device(service: &Service, session: &Session) -> Value {
    let query = format!("SELECT * FROM auth.devices WHERE id = '{}'", session.device);
    service.rows(&query).await.remove(0)
}

/// The members of `row` that `expected` names.
fn of(row: &Value, expected: &Value) -> Value {
    expected.as_object().unwrap().keys().map(|name| (name.clone(), row[name].clone())).collect()
}

#[tokio::test]
async fn the_same_device_comes_back_to_its_row_and_its_old_session_dies() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    let old = client.log_in(PHONE, "phone-1").await;
    let refreshed = Session::from_reply(&client.refresh(&old.refresh).await.expect(200));
    for service in [&service, &sandbox] {
        let _ = service.client().ws_token(&old.access).await.expect(200);
    }

    let new = client.log_in(PHONE, "phone-1").await;
    assert_eq!((&new.user, &new.device), (&old.user, &old.device));
    for service in [&sandbox, &service] {
        let client = service.client();
        for dead in [&old, &refreshed] {
            client.ws_token(&dead.access).await.refused(401, "session_ended");
            client.refresh(&dead.refresh).await.refused(401, "session_ended");
        }
        let _ = client.ws_token(&new.access).await.expect(200);
    }
    let _ = client.refresh(&new.refresh).await.expect(200);
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 2);
    let ends = "SELECT revoked_for FROM auth.sessions WHERE revoked_at IS NOT NULL";
    assert_eq!(service.rows(ends).await, [json!({ "revoked_for": "replaced" })]);
}

#[tokio::test]
async fn what_a_device_says_again_is_updated_and_what_it_leaves_out_is_kept() {
    let service = unlimited().await;
    let client = service.client();
    let id = client.verified("register", PHONE).await;
    let said = json!({
        "verificationId": id, "deviceId": "phone-1", "deviceName": "Anna’s phone",
        "deviceType": "ios", "model": "iPhone17,1", "osVersion": "18.5", "appVersion": "3.1.0",
        "fcmToken": "fcm-1", "apnsToken": "apns-1", "unknown": { "field": 1 },
    });
    let first = Session::from_reply(&register(&client, said).await.expect(201));
    let mut expected = json!({
        "id": first.device, "user_id": first.user, "device_fingerprint": "phone-1",
        "device_name": "Anna’s phone", "device_type": "ios", "model": "iPhone17,1",
        "os_version": "18.5", "app_version": "3.1.0", "fcm_token": "fcm-1",
        "apns_token": "apns-1", "is_verified": true, "is_active": true,
    });
    let row = device(&service, &first).await;
    assert_eq!(of(&row, &expected), expected);

    // Another client program on the same device, which says little.
    service.advance(Duration::from_mins(1));
    service.sql("UPDATE auth.devices SET is_active = false").await;
    let id = client.verified("login", PHONE).await;
    let said = json!({
        "verificationId": id, "deviceId": "phone-1", "osVersion": "18.6", "fcmToken": null,
    });
    let client = client.with_header("user-agent", "okhttp/4.12.0");
    let again = Session::from_reply(&log_in(&client, said).await.expect(200));
    assert_eq!(again.device, first.device);
    let later = device(&service, &again).await;
    expected["os_version"] = json!("18.6");
    assert_eq!(of(&later, &expected), expected);
    assert_eq!(later["created_at"], row["created_at"]);
    for name in ["last_active", "updated_at"] {
        assert_ne!(later[name], row[name], "{name} stands still");
    }
}

#[tokio::test]
async fn a_device_without_an_id_is_made_anew_each_time() {
    let service = unlimited().await;
    let client = service.client();
    let first = client.sign_up(PHONE).await;
    let mut devices = vec![first.device.clone()];
    for _ in 0..2 {
        let id = client.verified("login", PHONE).await;
        let reply = log_in(&client, json!({ "verificationId": id })).await.expect(200);
        devices.push(Session::from_reply(&reply).device);
    }
    devices.sort_unstable();
    devices.dedup();
    assert_eq!(devices.len(), 3);
    let made = "SELECT count(DISTINCT device_fingerprint) FROM auth.devices
                 WHERE length(device_fingerprint) = 36";
    assert_eq!(service.count(made).await, 3);
    let _ = client.ws_token(&first.access).await.expect(200);
}

#[tokio::test]
async fn only_the_first_device_of_an_account_is_verified() {
    let service = unlimited().await;
    let client = service.client();
    let first = client.sign_up(PHONE).await;
    let second = client.log_in(PHONE, "phone-2").await;
    let again = client.log_in(PHONE, "phone-2").await;
    assert_eq!(device(&service, &first).await["is_verified"], true);
    assert_eq!(second.device, again.device);
    assert_eq!(device(&service, &again).await["is_verified"], false);
}

#[tokio::test]
async fn name_and_type_come_from_the_user_agent_where_they_are_not_said() {
    let service = unlimited().await;
    let client = service.client();
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let _ = client.sign_up(PHONE).await;
    for (number, (agent, said, name, kind)) in [
        (firefox, json!({}), "Firefox", "web"),
        ("okhttp/4.12.0", json!({}), "Android device", "android"),
        ("Messenger/3.1 (iPhone; iOS 18.5)", json!({}), "iPhone", "ios"),
        (firefox, json!({ "deviceName": "Mine" }), "Mine", "web"),
        (firefox, json!({ "deviceType": "desktop", "deviceName": null }), "Firefox", "desktop"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = said;
        body["verificationId"] = client.verified("login", PHONE).await.into();
        body["deviceId"] = format!("device-{number}").into();
        let client = service.client().with_header("user-agent", agent);
        let session = Session::from_reply(&log_in(&client, body).await.expect(200));
        let row = device(&service, &session).await;
        assert_eq!((&row["device_name"], &row["device_type"]), (&json!(name), &json!(kind)));
    }
}

#[tokio::test]
async fn the_same_client_id_on_two_accounts_is_two_devices() {
    let service = unlimited().await;
    let client = service.client();
    let (one, other) = (client.sign_up(PHONE).await, client.sign_up(OTHER_PHONE).await);
    assert_ne!(one.user, other.user);
    let one = client.log_in(PHONE, "shared").await;
    let other = client.log_in(OTHER_PHONE, "shared").await;
    assert_ne!(one.device, other.device);
    let _ = client.ws_token(&one.access).await.expect(200);
    let _ = client.ws_token(&other.access).await.expect(200);
}

#[tokio::test]
async fn fields_that_are_too_long_or_not_of_their_kind_are_named() {
    let service = unlimited().await;
    let client = service.client();
    let id = client.verified("register", PHONE).await;
    let limits = [
        ("deviceId", 128),
        ("deviceName", 100),
        ("model", 100),
        ("osVersion", 50),
        ("appVersion", 20),
        ("fcmToken", 4096),
        ("apnsToken", 4096),
    ];
    let mut bad: Vec<(&str, Value)> = vec![
        ("deviceType", json!("tv")),
        ("deviceType", json!("iOS")),
        ("deviceType", json!("")),
        ("deviceType", json!(1)),
        ("verificationId", json!("5f0c5f6e")),
        ("verificationId", json!(null)),
        ("verificationId", json!([id])),
    ];
    for (field, max) in limits {
        let wrong =
            [json!("é".repeat(max + 1)), json!(""), json!("a\0b"), json!("a\u{85}b"), json!(7)];
        bad.extend(wrong.into_iter().map(|value| (field, value)));
    }
    for (field, value) in bad {
        let mut body = json!({ "verificationId": id });
        body[field] = value;
        let reply = register(&client, body).await;
        let problem = reply.json();
        reply.refused(400, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(1), "{problem}");
    }
    assert_eq!(super::written(&service).await, 0);

    // Everything at once, and everything at its limit.
    let all = json!({ "deviceType": "tv", "model": "", "appVersion": "é".repeat(21) });
    let errors = register(&client, all).await.expect(400).json()["errors"].clone();
    assert_eq!(errors.as_array().map(Vec::len), Some(4), "{errors}");
    let mut body: Value =
        limits.iter().map(|(field, max)| ((*field).to_owned(), json!("é".repeat(*max)))).collect();
    body["verificationId"] = id.into();
    let _ = register(&client, body).await.expect(201);
}

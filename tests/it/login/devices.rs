//! The device of a log-in: found by the client's own id, made where it is new, described
//! by what was said or derived.

use super::{OTHER_PHONE, PHONE, log_in, register, unlimited};
use serde_json::{Value, json};
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Keys, Service, Session};

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
    expected["is_verified"] = json!(false);
    assert_eq!(of(&later, &expected), expected);
    assert_eq!(later["created_at"], row["created_at"]);
    for name in ["last_active", "updated_at"] {
        assert_ne!(later[name], row[name], "{name} stands still");
    }
}

#[tokio::test]
async fn the_answers_name_the_device_in_each_way_and_say_how_long_tokens_live() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("ACCESS_TOKEN_TTL", "600")]).await;
    let client = service.client();
    let month = 30 * 24 * 3600;
    let keys = Keys::new();
    let id = client.verified("register", PHONE).await;
    let body = json!({ "verificationId": id, "installationId": "phone-1",
                       "signalKeyBundle": keys.bundle(1..3, 1..3) });
    let first = register(&client, body).await.expect(201).json();
    let told = json!({ "installationId": "phone-1", "signalDeviceId": 1, "expiresIn": 600,
                       "refreshExpiresIn": month });
    assert_eq!(of(&first, &told), told);

    // The number is told as long as the device has keys, whoever sent none this time.
    let id = client.verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let again = log_in(&client, body).await.expect(200).json();
    assert_eq!(of(&again, &told), told);
    assert_eq!(again["deviceId"], first["deviceId"]);

    // A device without keys has none, and the server makes the id that the client did not send.
    let id = client.verified("login", PHONE).await;
    let silent = log_in(&client, json!({ "verificationId": id })).await.expect(200).json();
    assert_eq!(silent.get("signalDeviceId"), None);
    let stored =
        Session { device: silent["deviceId"].as_str().unwrap().to_owned(), ..Session::default() };
    let row = device(&service, &stored).await;
    assert_eq!(silent["installationId"], row["device_fingerprint"]);

    service.advance(Duration::from_secs(100));
    let refresh = again["refreshToken"].as_str().unwrap();
    let told = json!({ "expiresIn": 600, "refreshExpiresIn": month });
    assert_eq!(of(&client.refresh(refresh).await.expect(200).json(), &told), told);
    // The same token again, four seconds older.
    service.advance(Duration::from_secs(4));
    let told = json!({ "expiresIn": 600, "refreshExpiresIn": month - 4 });
    assert_eq!(of(&client.refresh(refresh).await.expect(200).json(), &told), told);
}

#[tokio::test]
async fn a_client_that_sends_back_the_id_it_was_given_comes_back_to_its_row() {
    let service = unlimited().await;
    let client = service.client();
    let keys = Keys::new();
    let first = client.sign_up_with(PHONE, keys.bundle(1..3, 1..3)).await;
    let anew = client.log_in_with(PHONE, &first.device, keys.bundle(5..8, 5..8)).await;
    assert_eq!(anew.device, first.device);
    client.ws_token(&first.access).await.refused(401, "session_ended");
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 1);
    let list = client.bearer(&anew.access);
    let list = list.get(&format!("/auth/v1/signal/keys/{}/devices", anew.user)).await.json();
    assert_eq!(list["deviceIds"], json!([first.device]));

    // In capitals, without keys, and under the other name; the name that is preferred counts.
    let client = service.client();
    for body in [
        json!({ "deviceId": first.device.to_uppercase() }),
        json!({ "installationId": first.device }),
        json!({ "installationId": first.device, "deviceId": "another" }),
    ] {
        let mut body = body;
        body["verificationId"] = client.verified("login", PHONE).await.into();
        let session = Session::from_reply(&log_in(&client, body).await.expect(200));
        assert_eq!(session.device, first.device);
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 1);

    // The client's own id comes first; another user's row is nobody's.
    let other = client.sign_up(OTHER_PHONE).await;
    let foreign = client.log_in(OTHER_PHONE, &first.device).await;
    assert_eq!(foreign.user, other.user);
    assert!(![&first.device, &other.device].contains(&&foreign.device));
    let _ = client.ws_token(&other.access).await.expect(200);
    let tablet = client.log_in(OTHER_PHONE, &other.device).await;
    assert_eq!(tablet.device, other.device);
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_at_once_under_both_ids_of_a_device_are_one_device() {
    let service = unlimited().await;
    let client = service.client();
    for round in 0..5 {
        let phone = format!("+3361000000{round}");
        let first = client.sign_up(&phone).await;
        let row = service
            .rows(&format!(
                "SELECT device_fingerprint FROM auth.devices WHERE id = '{}'",
                first.device
            ))
            .await;
        let fingerprint = row[0]["device_fingerprint"].as_str().unwrap().to_owned();
        let mut bodies = Vec::new();
        for n in 0..8 {
            let id = client.verified("login", &phone).await;
            let device = if n % 2 == 0 { &first.device } else { &fingerprint };
            bodies.push(json!({ "verificationId": id, "deviceId": device,
                                "signalKeyBundle": Keys::new().bundle(1..3, 1..3) }));
        }
        let log_ins = bodies.into_iter().map(|body| {
            let client = client.clone();
            async move { client.post("/auth/v1/login", body).await }
        });
        let replies = together(log_ins).await;
        assert_eq!(tally(&replies), counts([("200", 8)]));
        for reply in &replies {
            assert_eq!(Session::from_reply(reply).device, first.device);
            assert_eq!(reply.json()["signalDeviceId"], 1);
        }
        let of_user = format!("FROM auth.devices WHERE user_id = '{}'", first.user);
        assert_eq!(service.count(&format!("SELECT count(*) {of_user}")).await, 1);
        let live = format!(
            "SELECT count(*) FROM auth.sessions WHERE user_id = '{}' AND revoked_at IS NULL",
            first.user
        );
        assert_eq!(service.count(&live).await, 1);
    }
}

/// The ids of a device can be read by others: whoever logs in with one by a code alone is not
/// taken for the device.
#[tokio::test]
async fn a_device_that_comes_back_is_verified_only_by_an_earlier_token() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("NUMBER_IDLE_DAYS", "3650")]).await;
    let client = service.client();
    let first = client.sign_up(PHONE).await;
    let other = client.sign_up(OTHER_PHONE).await;
    let version = async || {
        let query =
            "SELECT device_list_version FROM auth.users_auth WHERE phone_number = '+33612345678'";
        service.count(query).await
    };
    let come_back = async |token: Option<&str>| {
        let id = client.verified("login", PHONE).await;
        let body =
            json!({ "verificationId": id, "deviceId": first.device, "previousToken": token });
        Session::from_reply(&log_in(&client, body).await.expect(200))
    };
    let verified = async || device(&service, &first).await["is_verified"] == true;
    assert_eq!(PHONE, "+33612345678");

    // With a token of the row, also one that has been exchanged or has expired.
    let begun = version().await;
    let second = come_back(Some(&first.refresh)).await;
    assert!(verified().await);
    let _ = client.refresh(&second.refresh).await.expect(200);
    service.advance(Duration::from_hours(399 * 24));
    let third = come_back(Some(&second.refresh)).await;
    assert!(verified().await);
    assert_eq!(version().await, begun, "nothing has changed");

    // With none, a stranger's, or one of another device of the account.
    let sibling = client.log_in(PHONE, "sibling").await;
    for (n, token) in
        [None, Some("no.token.atall"), Some(other.refresh.as_str()), Some(&sibling.refresh)]
            .into_iter()
            .enumerate()
    {
        service.sql("UPDATE auth.devices SET is_verified = true").await;
        let before = version().await;
        let _ = come_back(token).await;
        assert!(!verified().await, "{n}");
        assert_eq!(version().await, before + 1, "{n}");
        // Once it is not verified, coming back moves nothing, and no token makes it so.
        let _ = come_back(Some(&third.refresh)).await;
        assert!(!verified().await, "{n}");
        assert_eq!(version().await, before + 1, "{n}");
    }

    // A token counts for 400 days, and not if its session was ended from elsewhere.
    service.sql("UPDATE auth.devices SET is_verified = true").await;
    let late = come_back(Some(&third.refresh)).await;
    assert!(verified().await);
    let _ = client.clone().bearer(&late.access).post("/auth/v1/logout/all", json!({})).await;
    let _ = come_back(Some(&late.refresh)).await;
    assert!(!verified().await);
    // Nor if it ended because a spent token of it was used again.
    service.sql("UPDATE auth.devices SET is_verified = true").await;
    let robbed = come_back(Some(&third.refresh)).await;
    let next = Session::from_reply(&client.refresh(&robbed.refresh).await.expect(200));
    let _ = client.refresh(&next.refresh).await.expect(200);
    service.advance(Duration::from_mins(1));
    client.refresh(&robbed.refresh).await.refused(401, "refresh_reused");
    assert!(verified().await);
    let _ = come_back(Some(&robbed.refresh)).await;
    assert!(!verified().await);
    service.sql("UPDATE auth.devices SET is_verified = true").await;
    let old = come_back(Some(&third.refresh)).await;
    assert!(verified().await);
    service.advance(Duration::from_hours(400 * 24));
    let _ = come_back(Some(&old.refresh)).await;
    assert!(!verified().await);
}

#[tokio::test]
async fn log_ins_without_keys_leave_the_numbers_to_devices_with_keys() {
    let service = unlimited().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    for _ in 0..8 {
        let id = client.verified("login", PHONE).await;
        let _ = log_in(&client, json!({ "verificationId": id })).await.expect(200);
    }
    let taken = "SELECT count(signal_device_id) FROM auth.devices";
    assert_eq!(service.count(taken).await, 0);
    let id = client.verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "tablet",
                       "signalKeyBundle": Keys::new().bundle(1..3, 1..3) });
    let reply = log_in(&client, body).await.expect(200).json();
    assert_eq!(reply["signalDeviceId"], 1);
    assert_eq!(service.count(taken).await, 1);
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
        (firefox, json!({}), "Firefox on Linux", "web"),
        ("okhttp/4.12.0", json!({}), "Android device", "android"),
        ("Messenger/3.1 (iPhone; iOS 18.5)", json!({}), "iPhone", "ios"),
        (firefox, json!({ "deviceName": "Mine" }), "Mine", "web"),
        (
            firefox,
            json!({ "deviceType": "desktop", "deviceName": null }),
            "Firefox on Linux",
            "desktop",
        ),
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
        ("installationId", 128),
        ("previousToken", 4096),
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

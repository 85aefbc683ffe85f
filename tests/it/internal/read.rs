//! Accounts, devices, tokens.

use super::{DAY, NEW_PHONE, PHONE, done, new_id, of, refused, unlimited, with_second_factor};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Keys, Service, Session};

async fn introspect(service: &Service, token: &str) -> Value {
    done(service, json!({ "operation": "introspect_token", "token": token })).await
}

#[tokio::test]
async fn an_account_is_read_by_id_and_by_number() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let _ = service.client().sign_up(NEW_PHONE).await;
    let by_id = done(&service, json!({ "operation": "get_user", "userId": session.user })).await;
    let expected = json!({
        "userId": session.user,
        "phoneNumber": PHONE,
        "createdAt": by_id["createdAt"],
        "lastAuthenticatedAt": by_id["createdAt"],
        "twoFactorEnabled": false,
        "registrationLock": false,
        "deviceCount": 1,
    });
    assert_eq!(by_id, expected);
    // Nulls count as absent, and what is not known is ignored.
    let spelled = json!({ "operation": "get_user", "userId": null, "phoneNumber": "+33 6 12 34 56 78",
                          "unknown": [1] });
    assert_eq!(done(&service, spelled).await, expected);

    let _ = with_second_factor(&service, &session).await;
    let _ = of(&service, &session)
        .send(Method::PUT, "/auth/v1/account/registration-lock", &json!({}))
        .await;
    let again = done(&service, json!({ "operation": "get_user", "userId": session.user })).await;
    assert_eq!(again["twoFactorEnabled"], true);
}

#[tokio::test]
async fn an_account_that_lost_its_number_has_none() {
    let service = unlimited().await;
    let old = service.client().sign_up(PHONE).await;
    service.advance(DAY * 91);
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "startOver": true });
    let new = service.client().post("/auth/v1/login", body).await.expect(200);
    let found = done(&service, json!({ "operation": "get_user", "userId": old.user })).await;
    assert!(found.get("phoneNumber").is_none() && found["releasedAt"].is_string(), "{found}");
    let found = done(&service, json!({ "operation": "get_user", "phoneNumber": PHONE })).await;
    assert_eq!(found["userId"], Session::from_reply(&new).user);
}

#[tokio::test]
async fn devices_come_with_their_push_tokens() {
    let service = unlimited().await;
    let id = service.client().verified("register", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "phone-1", "deviceName": "Phone",
                       "deviceType": "ios", "model": "iPhone17,1", "apnsToken": "an-apns-token",
                       "signalKeyBundle": Keys::new().bundle(1..3, 1..3) });
    let reply = service.client().post("/auth/v1/register", body).await.expect(201);
    let first = Session::from_reply(&reply);
    service.advance(Duration::from_secs(1));
    let second = service.client().log_in(PHONE, "phone-2").await;
    let path = format!("/auth/v1/device/{}", second.device);
    let body = json!({ "fcmToken": "an-fcm-token" });
    let _ = of(&service, &second).send(Method::PATCH, &path, &body).await.expect(200);
    let _ = of(&service, &first).post("/auth/v1/logout", json!({})).await.expect(204);

    let get = json!({ "operation": "get_devices", "userId": first.user });
    let found = done(&service, get.clone()).await;
    assert_eq!(
        (&found["userId"], found["devices"].as_array().unwrap().len()),
        (&json!(first.user), 2)
    );
    let [newest, oldest] = [&found["devices"][0], &found["devices"][1]];
    assert_eq!(newest["deviceId"], second.device);
    assert_eq!((&newest["fcmToken"], newest.get("apnsToken")), (&json!("an-fcm-token"), None));
    assert_eq!((&newest["isActive"], &newest["isVerified"]), (&json!(true), &json!(false)));
    assert!(newest.get("signalDeviceId").is_none());
    assert_eq!(oldest["installationId"], "phone-1");
    assert_eq!(
        (&oldest["apnsToken"], &oldest["isActive"]),
        (&json!("an-apns-token"), &json!(false))
    );
    assert_eq!((&oldest["signalDeviceId"], &oldest["deviceType"]), (&json!(1), &json!("ios")));

    // An account without devices is one.
    service.sql("DELETE FROM auth.used_prekeys; DELETE FROM auth.prekey_pages; DELETE FROM auth.devices").await;
    assert_eq!(done(&service, get).await["devices"], json!([]));
    let nobody = json!({ "operation": "get_devices", "userId": new_id() });
    let _ = refused(&service, nobody, 404, "user_not_found").await;
}

#[tokio::test]
async fn a_token_is_active_while_its_session_lives() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let found = introspect(&service, &session.access).await;
    assert_eq!(found["active"], true);
    assert_eq!(
        (&found["userId"], &found["deviceId"]),
        (&json!(session.user), &json!(session.device))
    );
    assert_eq!(found["sessionId"], session.id());
    assert!(found["issuedAt"].is_string() && found["expiresAt"].is_string());

    let inactive = json!({ "active": false });
    let refresh = introspect(&service, &session.refresh).await;
    assert_eq!(refresh, inactive, "a refresh token is no access token");
    let ws = service.client().ws_token(&session.access).await.expect(200).json();
    assert_eq!(introspect(&service, ws["wsToken"].as_str().unwrap()).await, inactive);
    assert_eq!(introspect(&service, "no.token.at-all").await, inactive);
    let mut altered = session.access.clone();
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.push(last);
    let tail = introspect(&service, &format!("{}x", &altered[..altered.len() - 4])).await;
    assert_eq!(tail, inactive);

    // Of another issuer with the same keys, and of another service with the same name.
    let renamed = service.with_more(&[("JWT_ISSUER", "another-auth")]).await;
    assert_eq!(introspect(&renamed, &session.access).await, inactive);
    let stranger = unlimited().await;
    let other = stranger.client().sign_up(PHONE).await;
    assert_eq!(introspect(&service, &other.access).await, inactive);

    // Ended, even if the cache was not told.
    service.sql("UPDATE auth.sessions SET revoked_at = now(), revoked_for = 'logout'").await;
    assert_eq!(introspect(&service, &session.access).await, inactive);
}

#[tokio::test]
async fn a_token_that_has_expired_is_not_active() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_mins(15).saturating_sub(Duration::from_secs(1)));
    assert_eq!(introspect(&service, &session.access).await["active"], true);
    service.advance(Duration::from_secs(1));
    assert_eq!(introspect(&service, &session.access).await, json!({ "active": false }));
}

#[tokio::test]
async fn a_laptop_has_a_route_for_it_and_nothing_else_has() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let get = json!({ "operation": "get_user", "userId": session.user });
    let found = service.client().post("/dev/internal", get.clone()).await.expect(200).json();
    assert_eq!(found["phoneNumber"], PHONE);
    let variables = [("STAGE", "dev"), ("METRICS_ENABLED", "false"), ("SMS_SENDER", "inbox")];
    let test = service.with_more(&variables).await;
    test.client().post("/dev/internal", get).await.refused(404, "not_found");
}

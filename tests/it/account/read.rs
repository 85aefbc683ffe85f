//! The overview, and the export: own data alone, and no secrets.

use super::{NEW_PHONE, PHONE, locked, of, unlimited, with_second_factor};
use domain::hex::hex;
use serde_json::json;
use tests::{Keys, Session};

#[tokio::test]
async fn the_overview_masks_the_number_and_tells_what_is_on() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = of(&service, &session);
    let expected = json!({
        "userId": session.user, "phoneNumber": "+33***5678",
        "createdAt": shared::clock::date_time(service.now()),
        "twoFactorEnabled": false, "registrationLock": false, "deviceCount": 1,
    });
    assert_eq!(client.get("/auth/v1/account").await.expect(200).json(), expected);
    let _ = service.client().log_in(PHONE, "second").await;
    let _ = locked(&service, &session).await;
    let _ = with_second_factor(&service, &session).await;
    let account = client.get("/auth/v1/account").await.expect(200).json();
    assert_eq!(account["twoFactorEnabled"], true);
    assert_eq!(account["registrationLock"], true);
    assert_eq!(account["deviceCount"], 2);
}

#[tokio::test]
async fn the_export_has_everything_of_the_user_and_no_secret() {
    let service = unlimited().await;
    let keys = Keys::new();
    let id = service.client().verified("register", PHONE).await;
    let body = json!({ "verificationId": id, "deviceName": "Camille's phone",
                       "fcmToken": "push-token", "signalKeyBundle": keys.bundle(1..6, 1..4) });
    let reply = service.client().post("/auth/v1/register", body).await.expect(201);
    let session = Session::from_reply(&reply);
    let other = service.client().sign_up_with(NEW_PHONE, Keys::new().bundle(1..2, 1..2)).await;
    let second = service.client().log_in(PHONE, "second").await;
    let code = locked(&service, &session).await;
    let _ = with_second_factor(&service, &session).await;

    let reply = of(&service, &session).get("/auth/v1/account/export").await.expect(200);
    let export = reply.json();
    assert_eq!(export["account"]["phoneNumber"], PHONE);
    assert_eq!(export["account"]["userId"], session.user);
    let lengths = ["devices", "sessions", "loginHistory", "securityEvents", "publicKeys"]
        .map(|list| export[list].as_array().unwrap().len());
    // Registered, logged in, locked, second factor set up and enabled.
    assert_eq!(lengths, [2, 2, 2, 5, 1]);
    assert!(export["devices"][0]["id"].is_string());
    let ended: Vec<_> = export["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["endedFor"].as_str())
        .collect();
    assert_eq!(ended, ["second_factor_changed"]);
    assert_eq!(export["loginHistory"][0]["ipAddress"], "203.0.113.7");
    assert_eq!(export["securityEvents"][0]["entry"]["event"], "second_factor_enabled");
    assert_eq!(export["publicKeys"][0]["identityKey"], keys.identity());
    assert_eq!(export["publicKeys"][0]["availablePreKeys"], 5);
    assert_eq!(export["publicKeys"][0]["availableKyberPreKeys"], 3);
    let text = export.to_string();
    let hash = domain::recovery_code::RecoveryCode::parse(&code).unwrap().hash();
    let hash = hex(&hash);
    for secret in [&code, &hash, "push-token", &session.refresh, &other.user, NEW_PHONE, "$2b$"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains(&second.device));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

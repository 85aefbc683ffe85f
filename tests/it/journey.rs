//! Sections 2 to 4 of the contract in order: verify, register, refresh, log out, log in.

use serde_json::json;
use std::time::Duration;
use tests::{Service, Session};

const PHONE: &str = "+33612345678";

#[tokio::test]
async fn a_number_signs_up_refreshes_logs_out_and_logs_in() {
    let service = Service::start().await;
    let client = service.client();

    let request = json!({ "phoneNumber": "+33 6 12 34 56 78", "deviceId": "phone-1" });
    let started = client.post("/auth/v1/verify/register/request", request).await.expect(200);
    let started = started.json();
    assert_eq!((&started["expiresIn"], &started["resendIn"]), (&600.into(), &30.into()));
    assert_eq!(started["attemptsLeft"], 5);
    assert!(started.get("code").is_none(), "the code is in the answer");
    let id = started["verificationId"].as_str().unwrap();
    let code = client.last_code(PHONE).await;

    let confirm = json!({ "verificationId": id, "code": code, "deviceId": "phone-1" });
    let confirmed = client.post("/auth/v1/verify/register/confirm", confirm).await.expect(200);
    assert_eq!(confirmed.json(), json!({ "verified": true }));

    let register = json!({ "verificationId": id, "deviceId": "phone-1", "deviceType": "ios" });
    let reply = client.post("/auth/v1/register", register).await.expect(201);
    let keys: Vec<_> = reply.json().as_object().unwrap().keys().cloned().collect();
    let expected = [
        "accessToken",
        "deviceId",
        "expiresIn",
        "installationId",
        "refreshExpiresIn",
        "refreshToken",
        "userId",
    ];
    assert_eq!(keys, expected);
    let first = Session::from_reply(&reply);
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.devices WHERE is_verified").await, 1);
    assert_eq!(
        service.count("SELECT count(*) FROM auth.outbox WHERE topic = 'user.registered'").await,
        1
    );

    let second = Session::from_reply(&client.refresh(&first.refresh).await.expect(200));
    assert_eq!((&second.user, &second.device), (&first.user, &first.device));
    assert_ne!(second.refresh, first.refresh);
    let _ = client.ws_token(&second.access).await.expect(200);

    let _ =
        client.clone().bearer(&second.access).post("/auth/v1/logout", json!({})).await.expect(204);
    client.ws_token(&second.access).await.refused(401, "session_ended");
    client.refresh(&second.refresh).await.refused(401, "session_ended");

    service.advance(Duration::from_mins(1));
    let again = client.log_in(PHONE, "phone-1").await;
    assert_eq!(again.user, first.user);
    assert_eq!(again.device, first.device, "the same fingerprint is the same device");
    let _ = client.ws_token(&again.access).await.expect(200);
}

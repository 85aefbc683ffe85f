//! What the account asks of who approves: a fresh proof, the second factor, room for one more device.

use super::{
    DEVICE, DEVICES, KINDS, Kind, PHONE, Waiting, approved, device, enable_second_factor, is_alive,
    joined, of, refreshed, unlimited,
};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Service, Session};

#[tokio::test]
async fn an_approval_needs_a_young_token_and_the_number() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        service.advance(Duration::from_secs(121));
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        waiting.approve(&of(&service, &phone)).await.refused(403, "fresh_proof_required");
        // A refusal is no guess.
        let wrong = json!({ "confirmCode": waiting.wrong_code() });
        let reply = waiting.approve_with(&of(&service, &phone), wrong.clone()).await;
        reply.refused(403, "fresh_proof_required");
        let phone = refreshed(&service, &phone).await;
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);

        service.advance(Duration::from_mins(10));
        let phone = refreshed(&service, &phone).await;
        let client = of(&service, &phone);
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        waiting.approve(&client).await.refused(403, "fresh_proof_required");
        waiting.approve_with(&client, wrong).await.refused(403, "fresh_proof_required");
        let id = service.client().verified("login", PHONE).await;
        let body = json!({ "confirmCode": waiting.code, "proofVerificationId": id });
        let _ = waiting.approve_with(&client, body).await.expect(204);
        let _ = waiting.poll(&service.client()).await.expect(200);
        // It was used, by this.
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        let body = json!({ "confirmCode": waiting.code, "proofVerificationId": id });
        waiting.approve_with(&client, body).await.refused(403, "fresh_proof_required");
        let body = json!({ "verificationId": id, "deviceId": "another" });
        let reply = service.client().post("/auth/v1/login", body).await;
        reply.refused(400, "verification_invalid");
    }
}

#[tokio::test]
async fn an_approval_needs_the_second_factor() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let app = enable_second_factor(&service, &phone).await;
        let client = of(&service, &phone);
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        waiting.approve(&client).await.refused(403, "two_factor_required");
        let with = |token: String| json!({ "confirmCode": waiting.code, "twoFactorToken": token });
        let wrong = app.wrong(service.now()).next().unwrap();
        waiting.approve_with(&client, with(wrong)).await.refused(401, "two_factor_invalid");
        let body = with("x".into());
        waiting.approve_with(&client, body).await.refused(400, "validation_failed");
        let code = app.at(service.now());
        let _ = waiting.approve_with(&client, with(code.clone())).await.expect(204);
        // The code is spent; the same request, whose answer was lost, needs none.
        let _ = waiting.approve_with(&client, with(code.clone())).await.expect(204);
        let other = Waiting::new(kind, &service, &phone, json!({})).await;
        let body = json!({ "confirmCode": other.code, "twoFactorToken": code });
        other.approve_with(&client, body).await.refused(401, "two_factor_invalid");
        let _ = waiting.poll(&service.client()).await.expect(200);
        // A step-up of the session is the factor.
        service.advance(Duration::from_secs(30));
        let body = json!({ "token": app.at(service.now()) });
        let _ = client.post("/auth/v1/2fa/verify", body).await.expect(200);
        let _ = other.approve(&client).await.expect(204);
        let _ = other.poll(&service.client()).await.expect(200);
    }
}

/// What a SIM swapper lets in is as new as the swapper.
#[tokio::test]
async fn a_newcomer_lets_in_a_newcomer() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        service.advance(Duration::from_mins(1));
        let swapper = service.client().log_in(PHONE, "swapper").await;
        service.advance(Duration::from_mins(1));
        let waiting = approved(kind, &service, &swapper).await;
        let second = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        assert_eq!(joined(&service, &second).await, "sms");
        assert_eq!(device(&service, &second).await["isVerified"], false);
        let path = format!("{DEVICE}/{}", phone.device);
        let reply = of(&service, &second).send(Method::DELETE, &path, &json!({})).await;
        reply.refused(403, "device_too_new");
        assert!(is_alive(&service, &phone).await);
    }
}

/// Whoever waits for a stopped account to be given up waits for a code that proves the number. Neither
/// an older device nor a newcomer proves it by letting another in.
#[tokio::test]
async fn who_is_let_in_has_not_proven_the_number() {
    for kind in KINDS {
        for approver in [0, 1] {
            let service = unlimited().await;
            let first = service.client().sign_up(PHONE).await;
            service.advance(Duration::from_mins(1));
            let sessions = [first, service.client().log_in(PHONE, "swapper").await];
            service.advance(Duration::from_mins(1));
            let waiting = approved(kind, &service, &sessions[approver]).await;
            service.sql("UPDATE auth.users_auth SET log_ins_stopped_since = created_at").await;
            let _ = waiting.poll(&service.client()).await.expect(200);
            let stopped =
                "SELECT count(*) FROM auth.users_auth WHERE log_ins_stopped_since IS NOT NULL";
            assert_eq!(service.count(stopped).await, 1);
            let _ = service.client().log_in(PHONE, "another").await;
            assert_eq!(service.count(stopped).await, 0);
        }
    }
}

/// A full account: the first device and nine that it let in.
async fn full(service: &Service) -> Vec<Session> {
    let mut sessions = vec![service.client().sign_up(PHONE).await];
    for n in 0..9 {
        let new = json!({ "deviceId": format!("device-{n}") });
        let waiting = Waiting::new(KINDS[n % 2], service, &sessions[0], new).await;
        let _ = waiting.approve(&of(service, &sessions[0])).await.expect(204);
        sessions.push(Session::from_reply(&waiting.poll(&service.client()).await.expect(200)));
        service.advance(Duration::from_secs(1));
    }
    assert_eq!(service.count(DEVICES).await, 10);
    sessions
}

#[tokio::test]
async fn in_a_full_account_the_new_device_replaces_one_that_the_user_chooses() {
    for kind in KINDS {
        let service = unlimited().await;
        let sessions = full(&service).await;
        let waiting = approved(kind, &service, &sessions[0]).await;
        let client = service.client();
        let reply = waiting.poll(&client).await.refused(409, "device_limit").json();
        let devices: Vec<Value> = reply["devices"].as_array().unwrap().clone();
        assert_eq!(devices.len(), 10);
        for device in &devices {
            // Never the one that approved.
            let expected = device["id"] != json!(sessions[0].device);
            assert_eq!(device["replaceable"], expected, "{device}");
        }
        for kept in [&sessions[0].device, "0190a5d0-0000-7000-8000-000000000000"] {
            let body = json!({ "replaceDeviceId": kept });
            waiting.poll_with(&client, body).await.refused(409, "device_limit");
        }
        let body = json!({ "replaceDeviceId": "x" });
        waiting.poll_with(&client, body).await.refused(400, "validation_failed");
        assert!(is_alive(&service, &sessions[0]).await && is_alive(&service, &sessions[4]).await);
        let body = json!({ "replaceDeviceId": sessions[4].device });
        let new = waiting.poll_with(&client, body).await.expect(200);
        let new = Session::from_reply(&new);
        assert!(is_alive(&service, &new).await);
        assert!(!is_alive(&service, &sessions[4]).await);
        assert_eq!(service.count(DEVICES).await, 10);
        // One that comes back needs no room.
        let body = json!({ "deviceId": "device-0" });
        let waiting = Waiting::new(kind, &service, &sessions[0], body).await;
        let _ = waiting.approve(&of(&service, &sessions[0])).await.expect(204);
        let again = Session::from_reply(&waiting.poll(&client).await.expect(200));
        assert_eq!(again.device, sessions[1].device);
    }
}

/// The user may also make room on the device that approved.
#[tokio::test]
async fn a_full_account_that_makes_room_lets_the_device_in() {
    let service = unlimited().await;
    let sessions = full(&service).await;
    let waiting = approved(Kind::Link, &service, &sessions[0]).await;
    waiting.poll(&service.client()).await.refused(409, "device_limit");
    let path = format!("{DEVICE}/{}", sessions[9].device);
    let _ = of(&service, &sessions[0]).send(Method::DELETE, &path, &json!({})).await.expect(204);
    let _ = waiting.poll(&service.client()).await.expect(200);
    // Or refuse the device after all.
    let waiting = approved(Kind::Link, &service, &sessions[0]).await;
    waiting.poll(&service.client()).await.refused(409, "device_limit");
    let _ = waiting.deny(&of(&service, &sessions[0])).await.expect(204);
    waiting.poll(&service.client()).await.refused(403, "qr_denied");
}

#[tokio::test]
async fn for_shipped_clients_the_device_inactive_for_longest_makes_room() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("LEGACY_CLIENTS", "true")]).await;
    let sessions = full(&service).await;
    for session in &sessions[2..] {
        let _ = refreshed(&service, session).await;
    }
    // The one that approves was inactive for longer.
    let waiting = approved(Kind::Challenge, &service, &sessions[0]).await;
    let new = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
    assert!(is_alive(&service, &new).await && is_alive(&service, &sessions[0]).await);
    assert!(!is_alive(&service, &sessions[1]).await);
}

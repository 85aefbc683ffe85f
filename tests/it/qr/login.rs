//! A device is let in, and what its account is told.

use super::{
    CHALLENGE, DEVICE, DEVICES, KINDS, Kind, LINK, PHONE, Waiting, approved, challenge, device,
    id_of, is_alive, joined, of, refreshed, scan, security_events, unlimited,
};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Service, Session, token};

#[tokio::test]
async fn a_device_waits_until_the_other_one_lets_it_in() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let logged_in_at = service.now();
        service.advance(Duration::from_mins(3));
        let phone = refreshed(&service, &phone).await;
        let elsewhere = service.client_at("198.51.100.77".parse().unwrap());
        let new = json!({ "deviceName": "Firefox", "deviceType": "web", "model": "X1",
            "osVersion": "6.1", "appVersion": "2.4", "deviceId": "browser-1" });
        let waiting = Waiting::at(kind, &elsewhere, &phone, new).await;
        let pending = waiting.poll(&elsewhere).await.expect(202).json();
        let left = if kind == Kind::Challenge { 300 } else { 120 };
        assert_eq!(pending, json!({ "status": "pending", "expiresIn": left }));
        let shown = waiting.show(&of(&service, &phone)).await.expect(200);
        let text = String::from_utf8(shown.body.clone()).unwrap();
        assert!(!text.contains(&waiting.code) && !text.contains(&waiting.secret), "{text}");
        let expected = json!({ "status": "scanned", "expiresIn": left, "device": {
            "deviceName": "Firefox", "deviceType": "web", "model": "X1", "osVersion": "6.1",
            "appVersion": "2.4", "network": "198.51.100.0/24" } });
        assert_eq!(shown.json(), expected, "{kind:?}");

        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        let shown = waiting.show(&of(&service, &phone)).await.expect(200).json();
        assert_eq!(shown["status"], "approved");
        assert_eq!(service.count(DEVICES).await, 1, "the session is made at delivery");
        service.advance(Duration::from_secs(2));
        let reply = waiting.poll(&elsewhere).await.expect(200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let answer = reply.json();
        assert_eq!(answer["phoneNumber"], "+33***5678");
        assert_eq!(
            (&answer["userId"], &answer["installationId"]),
            (&json!(phone.user), &json!("browser-1"))
        );
        assert_eq!(answer.get("signalDeviceId"), None);
        let browser = Session::from_reply(&reply);
        assert_ne!(browser.device, phone.device);
        // Nobody proved the number anew.
        let claims = token::claims(&browser.refresh);
        assert_eq!(claims["auth_time"], logged_in_at.seconds());
        assert_eq!(claims["iat"], service.now().seconds());
        assert_eq!((&claims["gen"], &claims["fork"]), (&json!(0), &json!(0)));
        assert!(is_alive(&service, &browser).await && is_alive(&service, &phone).await);
        let browser = refreshed(&service, &browser).await;
        let of_browser = device(&service, &browser).await;
        assert_eq!(
            (&of_browser["isVerified"], &of_browser["deviceName"]),
            (&json!(true), &json!("Firefox"))
        );
        assert_eq!(joined(&service, &browser).await, "approved");
        tells_everybody(&service, &phone, &browser, "198.51.100.77").await;
    }
}

async fn tells_everybody(service: &Service, phone: &Session, browser: &Session, address: &str) {
    let added = service
        .rows("SELECT payload FROM auth.outbox WHERE topic = 'device.added' ORDER BY seq")
        .await;
    let expected = json!({ "payload": { "userId": phone.user, "deviceId": browser.device,
        "timestamp": service.now().millis() } });
    assert_eq!(added, [expected]);
    assert_eq!(security_events(service, "device_approved").await, 1);
    let events = of(service, phone).get("/auth/v1/security-events").await.expect(200).json();
    let event = &events["entries"][0];
    assert_eq!(event["event"], "device_approved");
    assert_eq!(event["deviceId"], json!(phone.device), "who approved");
    assert_eq!(event["ipAddress"], address);
    let history = of(service, phone).get("/auth/v1/login-history").await.expect(200).json();
    let newest = &history["entries"][0];
    assert_eq!(
        (&newest["deviceId"], &newest["status"]),
        (&json!(browser.device), &json!("success"))
    );
    assert_eq!(newest["ipAddress"], address);
}

/// The phone at once, as its approver may be refreshed in between.
#[tokio::test]
async fn a_device_that_was_let_in_may_let_in_another() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let mut approver = phone;
    for kind in [Kind::Link, Kind::Challenge, Kind::Link] {
        service.advance(Duration::from_mins(2));
        approver = refreshed(&service, &approver).await;
        let waiting = approved(kind, &service, &approver).await;
        approver = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
    }
    assert_eq!(service.count(DEVICES).await, 4);
    // The number was proven 6 minutes ago, and nobody proves it by approving.
    service.advance(Duration::from_mins(4));
    let approver = refreshed(&service, &approver).await;
    let waiting = Waiting::new(Kind::Link, &service, &approver, json!({})).await;
    let _ = waiting.approve(&of(&service, &approver)).await.expect(204);
    service.advance(Duration::from_mins(1));
    let approver = refreshed(&service, &approver).await;
    let waiting = Waiting::new(Kind::Link, &service, &approver, json!({})).await;
    waiting.approve(&of(&service, &approver)).await.refused(403, "fresh_proof_required");
}

#[tokio::test]
async fn the_qr_codes_hold_what_they_should_and_no_secret() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let challenge = challenge(&service, &phone).await;
    let parts: Vec<&str> = challenge.split('.').collect();
    assert_eq!((parts.len(), parts[1], parts[2].len()), (3, phone.device.as_str(), 32));
    assert_ne!(super::challenge(&service, &phone).await, challenge);

    let link = service.client().post(LINK, json!({})).await.expect(201).json();
    let text = |name: &str| link[name].as_str().unwrap().to_owned();
    assert_eq!(text("qr"), format!("whispr://link?id={}", text("linkId")));
    assert!(text("qrPng").starts_with("data:image/png;base64,iVBOR"));
    assert!(text("qrSvg").starts_with("<svg ") && text("qrSvg").ends_with("</svg>"));
    assert_eq!(link["expiresIn"], 120);
    assert_eq!(text("linkSecret").len(), 32);
    let code = text("confirmCode");
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
}

/// Of all that Redis holds, nothing fetches tokens.
#[tokio::test]
async fn of_secrets_and_codes_only_digests_are_stored() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let mut shown = vec![challenge(&service, &phone).await];
    let _ = scan(&service.client(), &shown[0].clone(), json!({})).await.expect(202);
    for kind in KINDS {
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        shown.extend([waiting.secret, waiting.code]);
    }
    let secret = shown[0].rsplit('.').next().unwrap().to_owned();
    shown.push(secret);
    let mut redis = service.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("qr_*").query_async(&mut redis).await.unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let fields: Vec<String> =
            redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await.unwrap();
        let stored = fields.join(" ");
        for secret in &shown {
            assert!(!stored.contains(secret.as_str()), "{secret} in {stored}");
        }
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
        let most = if key.starts_with("qr_link") { 120_000 } else { 300_000 };
        assert!((1..=most).contains(&left), "{key} {left}");
    }
}

#[tokio::test]
async fn a_browser_that_comes_back_has_its_old_row() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let body = json!({ "deviceId": "browser", "deviceName": "Old name" });
        let mut earlier: Option<Session> = None;
        for round in 0..2 {
            let waiting = Waiting::new(kind, &service, &phone, body.clone()).await;
            let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
            let browser = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
            if let Some(earlier) = &earlier {
                assert_eq!(earlier.device, browser.device, "{kind:?}");
                assert!(!is_alive(&service, earlier).await, "its earlier session has ended");
            }
            assert!(is_alive(&service, &browser).await, "{round}");
            earlier = Some(browser);
        }
        assert_eq!(service.count(DEVICES).await, 2);
        let added = "SELECT count(*) FROM auth.outbox WHERE topic = 'device.added'";
        assert_eq!(service.count(added).await, 1);
        // One that joined by SMS alone is vouched for from now on, which senders learn.
        let tablet = service.client().log_in(PHONE, "tablet").await;
        assert_eq!(device(&service, &tablet).await["isVerified"], false);
        let version = "SELECT device_list_version FROM auth.users_auth";
        let before = service.count(version).await;
        let waiting = Waiting::new(kind, &service, &phone, json!({ "deviceId": "tablet" })).await;
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        let again = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        assert_eq!(again.device, tablet.device);
        assert_eq!(device(&service, &again).await["isVerified"], true);
        assert_eq!(joined(&service, &again).await, "approved");
        assert_eq!(service.count(version).await, before + 1);
    }
}

/// Ids of devices are known to others: none of them ends the session of the approver.
#[tokio::test]
async fn nobody_is_let_in_as_the_device_that_approves() {
    for kind in KINDS {
        let service = unlimited().await;
        let id = service.client().verified("register", PHONE).await;
        let body = json!({ "verificationId": id, "deviceId": "the-phone" });
        let reply = service.client().post("/auth/v1/register", body).await.expect(201);
        let phone = Session::from_reply(&reply);
        for claimed in ["the-phone", &phone.device] {
            let new = json!({ "deviceId": claimed });
            let waiting = Waiting::new(kind, &service, &phone, new).await;
            let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
            waiting.poll(&service.client()).await.refused(410, "qr_gone");
        }
        assert!(is_alive(&service, &phone).await);
        assert_eq!(service.count(DEVICES).await, 1);
    }
}

#[tokio::test]
async fn a_challenge_is_of_the_device_that_asks_for_it() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let tablet = service.client().log_in(PHONE, "tablet").await;
    let client = of(&service, &phone);
    for device in [&tablet.device, "0190a5d0-0000-7000-8000-000000000000"] {
        let path = format!("{CHALLENGE}/{device}");
        client.post(&path, json!({})).await.refused(404, "device_not_found");
    }
    client.post(&format!("{CHALLENGE}/x"), json!({})).await.refused(400, "id_malformed");
    // What is said of the device that shows it must be true.
    let shown = challenge(&service, &phone).await;
    let body = json!({ "challenge": shown, "authenticatedDeviceId": tablet.device });
    service.client().post(super::SCAN, body).await.refused(410, "qr_gone");
    let status = client.get(&format!("{CHALLENGE}/{}", id_of(&shown))).await.expect(200).json();
    assert_eq!(status, json!({ "status": "waiting", "expiresIn": 300 }));
    for body in [
        json!({}),
        json!({ "challenge": "x", "authenticatedDeviceId": phone.device }),
        json!({ "challenge": shown, "authenticatedDeviceId": "x" }),
        json!({ "challenge": shown }),
    ] {
        service.client().post(super::SCAN, body).await.refused(400, "validation_failed");
    }
    let list: Vec<Value> = client.get(DEVICE).await.expect(200).json().as_array().unwrap().clone();
    assert_eq!(list.len(), 2);
}

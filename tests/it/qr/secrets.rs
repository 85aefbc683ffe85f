//! What a QR code and its secrets are worth to whoever else has them: nothing.

use super::{
    CHALLENGE, KINDS, Kind, PHONE, SCAN, SESSIONS, Waiting, approved, challenge, is_alive, of,
    scan, unlimited,
};
use serde_json::json;
use tests::dpop::{DpopKey, ORIGIN};
use tests::{Service, Session, token};

#[tokio::test]
async fn a_photograph_of_the_code_fetches_nothing() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let thief = service.client_at("192.0.2.66".parse().unwrap());
    // Of a challenge that its owner has scanned, before and after the approval.
    let shown = challenge(&service, &phone).await;
    let reply = scan(&service.client(), &shown, json!({})).await.expect(202).json();
    let owner = Waiting::read(Kind::Challenge, &reply);
    for is_approved in [false, true] {
        if is_approved {
            let _ = owner.approve(&of(&service, &phone)).await.expect(204);
        }
        scan(&thief, &shown, json!({})).await.refused(410, "qr_gone");
        let in_code = shown.rsplit('.').next().unwrap();
        for secret in [in_code, &"0".repeat(32), &"f".repeat(32)] {
            let body = json!({ "scanSecret": secret });
            owner.poll_with(&thief, body).await.refused(410, "qr_gone");
        }
        for secret in [json!("x"), json!(""), json!(null), json!(owner.secret.to_uppercase())] {
            let body = json!({ "scanSecret": secret });
            owner.poll_with(&thief, body).await.refused(400, "validation_failed");
        }
    }
    // Of one that the thief scanned first: nobody types the code of the thief's device.
    let shown = challenge(&service, &phone).await;
    let reply = scan(&thief, &shown, json!({})).await.expect(202).json();
    let stolen = Waiting::read(Kind::Challenge, &reply);
    scan(&service.client(), &shown, json!({})).await.refused(410, "qr_gone");
    let of_owner = json!({ "confirmCode": stolen.wrong_code() });
    let reply = stolen.approve_with(&of(&service, &phone), of_owner).await;
    reply.refused(403, "confirm_code_incorrect");
    stolen.poll(&thief).await.refused(403, "qr_denied");
    // Of a link: the code holds no secret.
    let link = approved(Kind::Link, &service, &phone).await;
    for secret in ["0".repeat(32), link.id.replace('-', "")] {
        let body = json!({ "linkSecret": secret });
        link.poll_with(&thief, body).await.refused(410, "qr_gone");
    }
    assert_eq!(service.count(SESSIONS).await, 1);
    let _ = owner.poll(&service.client()).await.expect(200);
    let _ = link.poll(&service.client()).await.expect(200);
}

/// A part of a challenge may be guessed no easier than the whole.
#[tokio::test]
async fn a_challenge_with_another_secret_or_device_is_unknown() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let shown = challenge(&service, &phone).await;
    let (prefix, secret) = shown.rsplit_once('.').unwrap();
    let flipped = if secret.ends_with('0') { '1' } else { '0' };
    let almost = format!("{prefix}.{}{flipped}", &secret[..31]);
    scan(&service.client(), &almost, json!({})).await.refused(410, "qr_gone");
    let unknown = shown.replace(&shown[..8], "00000000");
    scan(&service.client(), &unknown, json!({})).await.refused(410, "qr_gone");
    let _ = scan(&service.client(), &shown, json!({})).await.expect(202);
}

#[tokio::test]
async fn no_secret_of_a_qr_log_in_is_a_token() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let mut secrets = vec![challenge(&service, &phone).await];
    for kind in KINDS {
        let waiting = approved(kind, &service, &phone).await;
        secrets.extend([waiting.secret, waiting.code, waiting.id]);
    }
    for secret in secrets {
        service.client().ws_token(&secret).await.refused(401, "token_invalid");
        let path = format!("{CHALLENGE}/{}", phone.device);
        let client = service.client().bearer(&secret);
        client.post(&path, json!({})).await.refused(401, "token_invalid");
        service.client().refresh(&secret).await.refused(401, "token_invalid");
        // Nor is it one that proves an earlier session.
        let id = service.client().verified("login", PHONE).await;
        let body = json!({ "verificationId": id, "deviceId": "tablet", "previousToken": secret });
        let reply = service.client().post("/auth/v1/login", body).await.expect(200);
        let tablet = Session::from_reply(&reply);
        assert_eq!(super::joined(&service, &tablet).await, "sms");
    }
    // A token is no secret of a scan.
    let body = json!({ "scanSecret": phone.access });
    let waiting = approved(Kind::Challenge, &service, &phone).await;
    waiting.poll_with(&service.client(), body).await.refused(400, "validation_failed");
}

/// A client that shows a key at the scan gets tokens for that key, and nobody else does.
#[tokio::test]
async fn tokens_are_bound_to_the_key_that_the_new_device_showed() {
    for kind in KINDS {
        let service = Service::with(&[("PUBLIC_ORIGINS", ORIGIN), ("RATE_LIMITS", "off")]).await;
        let phone = service.client().sign_up(PHONE).await;
        let (key, other) = (DpopKey::new(), DpopKey::new());
        let first = if kind == Kind::Challenge { SCAN } else { super::LINK };
        let client = key.client(&service, "POST", first);
        let waiting = Waiting::at(kind, &client, &phone, json!({})).await;
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        let path = waiting.poll_path();
        waiting.poll(&service.client()).await.refused(401, "dpop_proof_invalid");
        let client = other.client(&service, "POST", &path);
        waiting.poll(&client).await.refused(401, "dpop_proof_invalid");
        assert_eq!(service.count(SESSIONS).await, 1);
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let client = key.client(&service, "POST", &path);
            sessions.push(Session::from_reply(&waiting.poll(&client).await.expect(200)));
        }
        assert_eq!(sessions[0].refresh.split('.').nth(1), sessions[1].refresh.split('.').nth(1));
        for token in [&sessions[0].access, &sessions[1].refresh] {
            assert!(token::claims(token)["cnf"]["jkt"].is_string(), "{kind:?}");
        }
        service.client().ws_token(&sessions[0].access).await.refused(401, "dpop_proof_invalid");

        // The first poll says it where the scan did not.
        let waiting = approved(kind, &service, &phone).await;
        let path = waiting.poll_path();
        let client = key.client(&service, "POST", &path);
        let session = Session::from_reply(&waiting.poll(&client).await.expect(200));
        assert!(token::claims(&session.access)["cnf"]["jkt"].is_string());
        waiting.poll(&service.client()).await.refused(401, "dpop_proof_invalid");
        let waiting = approved(kind, &service, &phone).await;
        let session = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        assert!(is_alive(&service, &session).await);
        let client = key.client(&service, "POST", &waiting.poll_path());
        waiting.poll(&client).await.refused(401, "dpop_proof_invalid");
    }
}

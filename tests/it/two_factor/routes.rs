//! Set-up, enabling, backup codes, disabling; what each route refuses.

use super::{Owner, PHONE, STEP, codes, is_enabled, post, security_events, set_up, unlimited};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::{Service, Session};

#[tokio::test]
async fn a_second_factor_is_set_up_enabled_used_and_disabled() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = service.client().bearer(&session.access);
    assert!(!is_enabled(&client).await);

    let given = post(&client, "setup", json!({})).await.expect(201).json();
    let (secret, uri) = (given["secret"].as_str().unwrap(), given["otpauthUri"].as_str().unwrap());
    assert_eq!(secret.len(), 32, "20 bytes in base 32");
    assert!(uri.starts_with("otpauth://totp/Whispr:"), "{uri}");
    assert!(uri.contains(&format!("secret={secret}")) && uri.contains("issuer=Whispr"), "{uri}");
    assert!(!uri.contains("612345678"), "the number is masked: {uri}");
    let picture = given["qrCodeUrl"].as_str().unwrap().strip_prefix("data:image/png;base64,");
    assert!(BASE64.decode(picture.unwrap()).unwrap().starts_with(b"\x89PNG\r\n"));
    assert!(!is_enabled(&client).await, "set up is not enabled");
    assert_eq!(service.count("SELECT count(*) FROM auth.backup_codes").await, 0);

    let app = tests::Authenticator::from_base32(secret);
    let token = app.at(service.now());
    let reply = post(&client, "enable", json!({ "token": token })).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let backup_codes = codes(&reply);
    assert_eq!(backup_codes.iter().collect::<BTreeSet<_>>().len(), 10);
    for code in &backup_codes {
        let (first, second) = code.split_once('-').unwrap();
        assert!(first.len() == 4 && second.len() == 4, "{code}");
        assert!(!code.contains(['I', 'O', '0', '1']), "{code}");
    }
    assert!(is_enabled(&client).await);
    assert_eq!(security_events(&service, "second_factor_enabled").await, 1);

    service.advance(STEP);
    let owner = Owner { service: service.clone(), session, app, backup_codes };
    assert_eq!(owner.remaining().await, 10);
    assert!(owner.verifies(&owner.code()).await);
    assert!(owner.verifies(&owner.backup_codes[0]).await);
    assert_eq!(owner.remaining().await, 9);
    let reply = owner.post("backup-codes/use", &owner.backup_codes[1]).await.expect(200);
    assert_eq!((reply.json(), owner.remaining().await), (json!({ "valid": true }), 8));

    service.advance(STEP);
    let reply = owner.post("disable", &owner.code()).await.expect(200);
    assert_eq!(reply.json(), json!({ "disabled": true }));
    assert!(!owner.is_enabled().await);
    assert_eq!(owner.remaining().await, 0);
    assert_eq!(security_events(&service, "second_factor_disabled").await, 1);
    let left = "SELECT count(*) FROM auth.users_auth WHERE two_factor_secret IS NOT NULL
                   OR two_factor_pending_secret IS NOT NULL";
    assert_eq!(service.count(left).await, 0);
    assert_eq!(service.count("SELECT count(*) FROM auth.backup_codes").await, 0);
}

#[tokio::test]
async fn a_session_gets_its_secret_again_and_another_session_a_new_one() {
    let service = unlimited().await;
    let first = service.client().sign_up(PHONE).await;
    let second = service.client().log_in(PHONE, "phone-2").await;
    // The second joined by SMS alone: it may set nothing up beside the first.
    let newcomer = service.client().bearer(&second.access);
    post(&newcomer, "setup", json!({})).await.refused(403, "device_too_new");
    service.sql("UPDATE auth.devices SET joined = 'approved'").await;
    let clients = [&first, &second].map(|session| service.client().bearer(&session.access));
    let secret = async |n: usize| {
        let reply = post(&clients[n], "setup", json!({})).await.expect(201);
        reply.json()["secret"].as_str().unwrap().to_owned()
    };
    let one = secret(0).await;
    assert_eq!(secret(0).await, one);
    let two = secret(1).await;
    assert_ne!(two, one);
    // One secret is pending at a time.
    let app = tests::Authenticator::from_base32(&one);
    let body = json!({ "token": app.at(service.now()) });
    post(&clients[0], "enable", body).await.refused(400, "two_factor_not_set_up");
    let app = tests::Authenticator::from_base32(&two);
    let body = json!({ "token": app.at(service.now()) });
    let _ = post(&clients[1], "enable", body).await.expect(200);
}

#[tokio::test]
async fn a_pending_secret_dies_after_a_quarter_of_an_hour() {
    let service = unlimited().await;
    let mut session = service.client().sign_up(PHONE).await;
    let app = set_up(&service.client().bearer(&session.access)).await;
    // The log-in is ten minutes old then: a code to the number is needed too.
    let enable = async |session: &Session| {
        let id = service.client().verified("login", PHONE).await;
        let body = json!({ "token": app.at(service.now()), "proofVerificationId": id });
        post(&service.client().bearer(&session.access), "enable", body).await
    };
    service.advance(Duration::from_mins(15));
    session = Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200));
    enable(&session).await.refused(400, "two_factor_not_set_up");
    // A new one, with a new secret.
    let id = service.client().verified("login", PHONE).await;
    let client = service.client().bearer(&session.access);
    let reply = post(&client, "setup", json!({ "proofVerificationId": id })).await.expect(201);
    let newer = tests::Authenticator::from_base32(reply.json()["secret"].as_str().unwrap());
    assert_ne!(newer.at(service.now()), app.at(service.now()));
    service.advance(Duration::from_mins(15) - Duration::from_millis(1));
    session = Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200));
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "token": newer.at(service.now()), "proofVerificationId": id });
    let client = service.client().bearer(&session.access);
    let _ = post(&client, "enable", body.clone()).await.expect(200);
    post(&client, "enable", body).await.refused(400, "two_factor_enabled");
}

#[tokio::test]
async fn set_up_and_enabling_need_the_number_and_a_young_token() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_secs(121));
    let client = service.client().bearer(&session.access);
    post(&client, "setup", json!({})).await.refused(403, "fresh_proof_required");
    post(&client, "enable", json!({})).await.refused(403, "fresh_proof_required");
    for route in ["disable", "backup-codes", "backup-codes/regenerate"] {
        post(&client, route, json!({})).await.refused(403, "fresh_proof_required");
    }
    service.advance(Duration::from_mins(9));
    let reply = service.client().refresh(&session.refresh).await.expect(200);
    let client = service.client().bearer(&Session::from_reply(&reply).access);
    post(&client, "setup", json!({})).await.refused(403, "fresh_proof_required");
    let proof = async || {
        let id = service.client().verified("login", PHONE).await;
        json!({ "proofVerificationId": id })
    };
    let first = proof().await;
    let reply = post(&client, "setup", first.clone()).await.expect(201);
    let app = tests::Authenticator::from_base32(reply.json()["secret"].as_str().unwrap());
    let mut body = json!({ "token": app.at(service.now()) });
    post(&client, "enable", body.clone()).await.refused(403, "fresh_proof_required");
    // It was used up by the set-up.
    body["proofVerificationId"] = first["proofVerificationId"].clone();
    post(&client, "enable", body.clone()).await.refused(403, "fresh_proof_required");
    assert!(!is_enabled(&client).await);
    body["proofVerificationId"] = proof().await["proofVerificationId"].clone();
    let _ = post(&client, "enable", body).await.expect(200);
    assert!(is_enabled(&client).await);
}

#[tokio::test]
async fn without_a_second_factor_there_is_nothing_to_check() {
    let service = Service::start().await;
    let session = service.client().sign_up(PHONE).await;
    let client = service.client().bearer(&session.access);
    for route in ["verify", "disable", "backup-codes", "backup-codes/regenerate"] {
        post(&client, route, json!({ "token": "123456" }))
            .await
            .refused(400, "two_factor_disabled");
    }
    let body = json!({ "token": "ABCD-2345" });
    post(&client, "backup-codes/use", body).await.refused(400, "two_factor_disabled");
    let body = json!({ "token": "123456" });
    post(&client, "enable", body).await.refused(400, "two_factor_not_set_up");
    let reply = client.get("/auth/v1/2fa/backup-codes/remaining").await.expect(200);
    assert_eq!(reply.json(), json!({ "remaining": 0 }));
}

#[tokio::test]
async fn an_enabled_second_factor_is_not_set_up_again() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    post(&owner.client(), "setup", json!({})).await.refused(400, "two_factor_enabled");
    // Nor after a step-up, by which the store would let it.
    assert!(owner.verifies(&owner.code()).await);
    post(&owner.client(), "setup", json!({})).await.refused(400, "two_factor_enabled");
    owner.post("enable", &owner.code()).await.refused(400, "two_factor_enabled");
}

#[tokio::test]
async fn new_backup_codes_replace_those_of_before() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let mut all: BTreeSet<String> = owner.backup_codes.iter().cloned().collect();
    let mut before = owner.backup_codes.clone();
    for (n, route) in ["backup-codes", "backup-codes/regenerate"].into_iter().enumerate() {
        // One of them by a code of the app, one by a backup code.
        let token = if n == 0 { owner.code() } else { before[3].clone() };
        let new = codes(&owner.post(route, &token).await.expect(200));
        assert_eq!((new.len(), owner.remaining().await), (10, 10));
        all.extend(new.iter().cloned());
        assert_eq!(all.len(), 20 + 10 * n, "all are new");
        assert!(!owner.verifies(&before[0]).await);
        assert!(owner.verifies(&new[0]).await);
        before = new;
    }
    assert_eq!(security_events(&service, "backup_codes_replaced").await, 2);
    let sessions = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NOT NULL";
    assert_eq!(service.count(sessions).await, 0, "new codes end no session");
}

#[tokio::test]
async fn a_wrong_code_changes_nothing_and_is_401() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let state = "SELECT two_factor_enabled, two_factor_last_step, updated_at,
                        (SELECT count(*) FROM auth.backup_codes WHERE NOT used) FROM auth.users_auth";
    let before = service.rows(state).await;
    let mut wrong = owner.wrong();
    for route in ["disable", "backup-codes", "backup-codes/regenerate"] {
        owner.post(route, &wrong.next().unwrap()).await.refused(401, "two_factor_invalid");
    }
    assert!(!owner.verifies(&wrong.next().unwrap()).await);
    assert_eq!(service.rows(state).await, before);
    assert!(owner.verifies(&owner.code()).await);
}

/// Of each route: no token, one of another type or form. Nothing is counted.
#[tokio::test]
async fn a_token_of_another_form_is_named_and_not_counted() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    for route in ["enable", "verify", "disable", "backup-codes", "backup-codes/use"] {
        for bad in [
            json!(null),
            json!(123_456),
            json!(["123456"]),
            json!(""),
            json!("12345"),
            json!("1234567"),
            json!("１２３４５６"),
            json!("12345\u{0}"),
            json!("ABCD_2345"),
            json!("ABCD-234_"),
            json!("A".repeat(5000)),
        ] {
            let reply = post(&owner.client(), route, json!({ "token": bad })).await;
            let reply = reply.refused(400, "validation_failed");
            assert_eq!(reply.json()["errors"][0]["field"], "token", "{route} {bad}");
        }
    }
    owner.post("enable", "ABCD-2345").await.refused(400, "validation_failed");
    owner.post("backup-codes/use", "123456").await.refused(400, "validation_failed");
    assert!(owner.verifies(&owner.code()).await);
}

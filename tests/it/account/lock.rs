//! The registration lock: what it stops, what opens it, and when it lapses.

use super::{
    DAY, PHONE, STEP, delete_lock, locked, log_in, log_in_by, of, put_lock, refreshed,
    security_events, told, unlimited, with_second_factor,
};
use domain::hex::hex;
use serde_json::json;
use std::time::Duration;
use tests::Session;

/// Another code of the same form.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[tokio::test]
async fn a_new_device_needs_more_than_the_number() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let code = locked(&service, &session).await;
    assert_eq!(code.len(), 32);
    service.advance(DAY);
    let id = service.client().verified("login", PHONE).await;
    let reply = log_in_by(&service.client(), &id, json!({ "deviceId": "new" })).await;
    let reply = reply.refused(403, "registration_locked");
    assert_eq!(reply.json()["lapsesInSeconds"], 6 * 24 * 3600);
    // The verification stays usable.
    let body = json!({ "deviceId": "new", "recoveryCode": wrong(&code) });
    log_in_by(&service.client(), &id, body).await.refused(401, "recovery_code_invalid");
    let body = json!({ "deviceId": "new", "recoveryCode": "123" });
    let reply = log_in_by(&service.client(), &id, body).await.refused(400, "validation_failed");
    assert_eq!(reply.json()["errors"][0]["field"], "recoveryCode");
    // As users type it.
    let body = json!({ "deviceId": "new", "recoveryCode": code.to_lowercase().replace('-', " ") });
    let entered = Session::from_reply(&log_in_by(&service.client(), &id, body).await.expect(200));
    let joined = format!("SELECT joined FROM auth.devices WHERE id = '{}'", entered.device);
    assert_eq!(service.rows(&joined).await[0]["joined"], "proven");
    // The code is good again, until the lock is set anew. An earlier token opens it too.
    let _ = log_in(&service.client(), PHONE, json!({ "recoveryCode": code })).await.expect(200);
    let body = json!({ "previousToken": session.refresh });
    let _ = log_in(&service.client(), PHONE, body).await.expect(200);
    let session = Session::from_reply(
        &log_in(
            &service.client(),
            PHONE,
            json!({ "deviceId": session.device, "previousToken": session.refresh }),
        )
        .await
        .expect(200),
    );
    let new = locked(&service, &session).await;
    assert_ne!(new, code);
    let body = json!({ "recoveryCode": code });
    log_in(&service.client(), PHONE, body).await.refused(401, "recovery_code_invalid");
    let _ = log_in(&service.client(), PHONE, json!({ "recoveryCode": new })).await.expect(200);
    // Removed, it is asked for no more.
    let _ = delete_lock(&of(&service, &session), json!({})).await.expect(204);
    let _ = delete_lock(&of(&service, &session), json!({})).await.expect(204);
    let _ = log_in(&service.client(), PHONE, json!({ "recoveryCode": code })).await.expect(200);
    assert_eq!(security_events(&service, "registration_lock_set").await, 2);
    assert_eq!(security_events(&service, "registration_lock_removed").await, 1);
}

#[tokio::test]
async fn it_lapses_a_week_after_the_last_activity() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let _ = locked(&service, &session).await;
    service.advance(DAY);
    let _ = refreshed(&service, &session).await;
    service.advance((DAY * 7).saturating_sub(Duration::from_millis(1)));
    let reply = log_in(&service.client(), PHONE, json!({})).await;
    assert_eq!(reply.refused(403, "registration_locked").json()["lapsesInSeconds"], 1);
    service.advance(Duration::from_millis(1));
    let _ = log_in(&service.client(), PHONE, json!({})).await.expect(200);
}

#[tokio::test]
async fn the_hash_alone_is_stored() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let code = locked(&service, &session).await;
    let stored = service.rows("SELECT recovery_code_hash FROM auth.users_auth").await;
    let hash = domain::recovery_code::RecoveryCode::parse(&code).unwrap().hash();
    let hash = hex(&hash);
    assert_eq!(stored[0]["recovery_code_hash"], format!("\\x{hash}"));
    let symbols = code.replace('-', "");
    for table in ["outbox", "security_events", "account_changes"] {
        let count = format!("SELECT count(*) FROM auth.{table} t WHERE t::text LIKE '%{symbols}%'");
        assert_eq!(service.count(&count).await, 0);
    }
}

#[tokio::test]
async fn wrong_codes_count_as_wrong_second_factors_and_right_ones_forget_none() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let code = locked(&service, &session).await;
    let app = with_second_factor(&service, &session).await;
    let client = service.client();
    let mut wrong_factors = app.wrong(service.now());
    // A right recovery code beside wrong second factors buys no more guesses.
    for _ in 0..2 {
        let body = json!({ "recoveryCode": code, "twoFactorToken": wrong_factors.next() });
        log_in(&client, PHONE, body).await.refused(401, "two_factor_invalid");
        log_in(&client, PHONE, json!({ "recoveryCode": code }))
            .await
            .refused(403, "two_factor_required");
    }
    for _ in 0..3 {
        log_in(&client, PHONE, json!({ "recoveryCode": wrong(&code) }))
            .await
            .refused(401, "recovery_code_invalid");
    }
    // Five wrong ones of both kinds: both are locked.
    let reply = log_in(&client, PHONE, json!({ "recoveryCode": code })).await;
    reply.refused(429, "two_factor_locked");
    let body = json!({ "twoFactorToken": app.at(service.now()) });
    log_in(&client, PHONE, body).await.refused(429, "two_factor_locked");
    service.advance(Duration::from_mins(15));
    let body = json!({ "twoFactorToken": app.at(service.now()), "recoveryCode": code });
    let _ = log_in(&client, PHONE, body).await.expect(200);
}

#[tokio::test]
async fn setting_and_removing_need_a_fresh_proof() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    put_lock(&service.client(), json!({})).await.refused(401, "token_missing");
    delete_lock(&service.client(), json!({})).await.refused(401, "token_missing");
    service.advance(Duration::from_secs(121));
    let client = of(&service, &session);
    put_lock(&client, json!({})).await.refused(403, "fresh_proof_required");
    delete_lock(&client, json!({})).await.refused(403, "fresh_proof_required");
    service.advance(Duration::from_mins(10));
    let session = refreshed(&service, &session).await;
    let client = of(&service, &session);
    put_lock(&client, json!({})).await.refused(403, "fresh_proof_required");
    let proof = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": proof });
    let _ = put_lock(&client, body.clone()).await.expect(200);
    delete_lock(&client, body).await.refused(403, "fresh_proof_required");
    let proof = service.client().verified("login", PHONE).await;
    let _ = delete_lock(&client, json!({ "proofVerificationId": proof })).await.expect(204);
    // With a second factor, its code.
    let reply = log_in(
        &service.client(),
        PHONE,
        json!({ "deviceId": session.device, "previousToken": session.refresh }),
    )
    .await
    .expect(200);
    let session = Session::from_reply(&reply);
    let app = with_second_factor(&service, &session).await;
    let client = of(&service, &session);
    put_lock(&client, json!({})).await.refused(403, "two_factor_required");
    let body = json!({ "twoFactorToken": app.at(service.now()) });
    let _ = put_lock(&client, body.clone()).await.expect(200);
    delete_lock(&client, body).await.refused(401, "two_factor_invalid");
    service.advance(STEP);
    let body = json!({ "twoFactorToken": app.at(service.now()) });
    let _ = delete_lock(&client, body).await.expect(204);
    assert_eq!(
        service
            .count("SELECT count(*) FROM auth.users_auth WHERE recovery_code_hash IS NOT NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn the_devices_are_told_of_a_stopped_log_in_once() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let code = locked(&service, &session).await;
    let before = told(&service, "security.notice").await;
    let id = service.client().verified("login", PHONE).await;
    for _ in 0..3 {
        log_in_by(&service.client(), &id, json!({})).await.refused(403, "registration_locked");
    }
    let body = json!({ "recoveryCode": wrong(&code) });
    log_in_by(&service.client(), &id, body).await.refused(401, "recovery_code_invalid");
    assert_eq!(told(&service, "security.notice").await, before + 1);
    assert_eq!(security_events(&service, "log_in_stopped").await, 1);
    let stopped = "SELECT count(*) FROM auth.users_auth WHERE log_ins_stopped_since IS NOT NULL";
    assert_eq!(service.count(stopped).await, 1);
    // A log-in of a device clears it, and the next stop is told again.
    let body = json!({ "deviceId": session.device, "previousToken": session.refresh });
    let reply = log_in(&service.client(), PHONE, body).await.expect(200);
    assert_eq!(service.count(stopped).await, 0);
    // A used verification stops nothing.
    let used = reply.json();
    assert!(used["accessToken"].is_string());
    log_in(&service.client(), PHONE, json!({})).await.refused(403, "registration_locked");
    assert_eq!(told(&service, "security.notice").await, before + 2);
    // So does a fresh proof by a code.
    let session = Session::from_reply(&reply);
    service.advance(Duration::from_mins(11));
    let session = refreshed(&service, &session).await;
    let proof = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": proof });
    let _ = put_lock(&of(&service, &session), body).await.expect(200);
    assert_eq!(service.count(stopped).await, 0);
}

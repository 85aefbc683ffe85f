//! Idle accounts, and numbers that get a new account.

use super::{
    DAY, NEW_PHONE, PHONE, is_alive, locked, log_in, log_in_by, of, refreshed, security_events,
    told, unlimited, with_second_factor,
};
use http::Method;
use serde_json::json;
use shared::maintenance::delete_old_rows;
use std::time::Duration;
use tests::{Keys, Service, Session};

const LIVE: &str = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";

async fn maintain(service: &Service) -> i64 {
    let state = &service.state;
    delete_old_rows(&state.core, state.maintenance, service.now()).await.unwrap().accounts
}

/// Whoever removed the last device has just used the account.
#[tokio::test]
async fn an_account_without_devices_is_idle_from_its_last_log_in_on() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let path = format!("/auth/v1/device/{}", session.device);
    let _ = of(&service, &session).send(Method::DELETE, &path, &json!({})).await.expect(204);
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 0);
    let again = log_in(&service.client(), PHONE, json!({})).await.expect(200);
    let again = Session::from_reply(&again);
    assert_eq!(again.user, session.user);
    let path = format!("/auth/v1/device/{}", again.device);
    let _ = of(&service, &again).send(Method::DELETE, &path, &json!({})).await.expect(204);
    service.advance(DAY * 90);
    log_in(&service.client(), PHONE, json!({})).await.refused(409, "account_idle");
}

#[tokio::test]
async fn an_idle_account_is_told_and_starts_over_when_the_user_agrees() {
    let service = unlimited().await;
    let keys = Keys::new();
    let old = service.client().sign_up_with(PHONE, keys.bundle(1..5, 1..5)).await;
    service.advance((DAY * 90).saturating_sub(Duration::from_millis(1)));
    let _ = log_in(&service.client(), PHONE, json!({ "deviceId": "b", "startOver": true }))
        .await
        .expect(200);
    service.advance(DAY * 90);
    let id = service.client().verified("login", PHONE).await;
    log_in_by(&service.client(), &id, json!({ "deviceId": "c" }))
        .await
        .refused(409, "account_idle");
    assert_eq!(told(&service, "user.phone_released").await, 0);
    let before = service.count(LIVE).await;
    assert_eq!(before, 2);
    let body = json!({ "deviceId": "c", "startOver": true,
                       "signalKeyBundle": Keys::new().bundle(1..3, 1..3) });
    let reply = log_in_by(&service.client(), &id, body).await.expect(200);
    let new = Session::from_reply(&reply);
    assert_ne!(new.user, old.user);
    assert!(is_alive(&service, &new).await);
    let account = of(&service, &new).get("/auth/v1/account").await.expect(200).json();
    assert_eq!(account["deviceCount"], 1);
    // The old account has lost the number, its sessions and its keys.
    let reasons = "SELECT count(*) FROM auth.sessions WHERE revoked_for = 'number_released'";
    assert_eq!(service.count(reasons).await, 2);
    let of_old =
        |table: &str| format!("SELECT count(*) FROM auth.{table} WHERE user_id = '{}'", old.user);
    for table in ["identity_keys", "prekey_pages", "account_changes"] {
        assert_eq!(service.count(&of_old(table)).await, 0, "{table}");
    }
    let path = format!("/auth/v1/signal/keys/{}/bundles", old.user);
    of(&service, &new).get(&path).await.refused(404, "keys_not_found");
    assert_eq!(told(&service, "user.phone_released").await, 1);
    assert_eq!(told(&service, "user.registered").await, 2);
    assert_eq!(security_events(&service, "number_released").await, 1);
    assert_eq!(security_events(&service, "user_registered").await, 2);
    // Its chain does not tell who has the number now.
    let address = format!(
        "SELECT count(*) FROM auth.security_events WHERE user_id = '{}'
        AND entry::jsonb->>'event' IN ('number_released', 'keys_deleted')
        AND personal->'address'->>'value' <> ''",
        old.user
    );
    assert_eq!(service.count(&address).await, 0);
    // An earlier token of the old account is none of the new one.
    let body = json!({ "deviceId": "c2", "previousToken": old.refresh });
    let reply = log_in(&service.client(), PHONE, body).await.expect(200);
    let entered = Session::from_reply(&reply);
    let joined = format!("SELECT joined FROM auth.devices WHERE id = '{}'", entered.device);
    assert_eq!(service.rows(&joined).await[0]["joined"], "sms");
    assert_eq!(entered.user, new.user);
    // Its identity key belongs to nobody else.
    let id = service.client().verified("register", NEW_PHONE).await;
    let body = json!({ "verificationId": id, "signalKeyBundle": keys.bundle(1..2, 1..2) });
    service.client().post("/auth/v1/register", body).await.refused(409, "identity_key_in_use");

    // It is deleted after 30 days, and its identity key stays retired.
    service.advance((DAY * 30).saturating_sub(Duration::from_millis(1)));
    assert_eq!(maintain(&service).await, 0);
    service.advance(Duration::from_millis(1));
    assert_eq!(maintain(&service).await, 1);
    assert_eq!(maintain(&service).await, 0);
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
    assert_eq!(told(&service, "user.deleted").await, 1);
    assert_eq!(told(&service, "user.phone_released").await, 0, "it held the number");
    let id = service.client().verified("register", NEW_PHONE).await;
    let body = json!({ "verificationId": id, "signalKeyBundle": keys.bundle(1..2, 1..2) });
    service.client().post("/auth/v1/register", body).await.refused(409, "identity_key_in_use");
}

#[tokio::test]
async fn number_idle_days_and_shipped_clients() {
    let service = tests::Service::with(&[("RATE_LIMITS", "off"), ("NUMBER_IDLE_DAYS", "30")]).await;
    let session = service.client().sign_up(PHONE).await;
    service.advance(DAY * 30);
    log_in(&service.client(), PHONE, json!({})).await.refused(409, "account_idle");
    // What only the owner has opens it.
    let body = json!({ "previousToken": session.refresh, "startOver": true });
    let reply = log_in(&service.client(), PHONE, body).await.expect(200);
    assert_eq!(Session::from_reply(&reply).user, session.user);
    let legacy = service.with_more(&[("LEGACY_CLIENTS", "true")]).await;
    legacy.advance(DAY * 400);
    let reply = log_in(&legacy.client(), PHONE, json!({ "startOver": true })).await.expect(200);
    assert_eq!(Session::from_reply(&reply).user, session.user);
    assert_eq!(told(&service, "user.phone_released").await, 0);
}

#[tokio::test]
async fn a_refusal_of_the_new_account_leaves_the_old_one() {
    let service = unlimited().await;
    let keys = Keys::new();
    let _ = service.client().sign_up_with(NEW_PHONE, keys.bundle(1..2, 1..2)).await;
    let old = service.client().sign_up(PHONE).await;
    service.advance(DAY * 91);
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "startOver": true, "signalKeyBundle": keys.bundle(3..4, 3..4) });
    log_in_by(&service.client(), &id, body).await.refused(409, "identity_key_in_use");
    let number = format!(
        "SELECT count(*) FROM auth.users_auth WHERE id = '{}' AND phone_number = '{PHONE}'",
        old.user
    );
    assert_eq!(service.count(&number).await, 1);
    assert_eq!(told(&service, "user.phone_released").await, 0);
    let _ = log_in_by(&service.client(), &id, json!({ "startOver": true })).await.expect(200);
    // Once used, it starts nothing over.
    log_in_by(&service.client(), &id, json!({ "startOver": true }))
        .await
        .refused(400, "verification_invalid");
}

#[tokio::test]
async fn nobody_is_locked_out_for_ever() {
    let service = unlimited().await;
    let first = service.client().sign_up(PHONE).await;
    let _ = with_second_factor(&service, &first).await;
    let stop = async || {
        let reply = log_in(&service.client(), PHONE, json!({ "startOver": true })).await;
        reply.refused(403, "two_factor_required");
    };
    stop().await;
    // The device is used all the time, and never proves the number.
    let mut session = first;
    for _ in 0..6 {
        service.advance((DAY * 5).saturating_sub(Duration::from_millis(1)));
        session = refreshed(&service, &session).await;
        stop().await;
    }
    service.advance(Duration::from_millis(6));
    log_in(&service.client(), PHONE, json!({})).await.refused(403, "two_factor_required");
    let reply = log_in(&service.client(), PHONE, json!({ "startOver": true })).await.expect(200);
    assert_ne!(Session::from_reply(&reply).user, session.user);
    service.client().refresh(&session.refresh).await.refused(401, "session_ended");
    assert_eq!(security_events(&service, "log_in_stopped").await, 1);
}

#[tokio::test]
async fn a_device_that_proves_the_number_ends_the_wait() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let _ = locked(&service, &session).await;
    log_in(&service.client(), PHONE, json!({})).await.refused(403, "registration_locked");
    service.advance(DAY * 29);
    let mine = json!({ "deviceId": session.device, "previousToken": session.refresh });
    let session = Session::from_reply(&log_in(&service.client(), PHONE, mine).await.expect(200));
    service.advance(DAY);
    let _ = refreshed(&service, &session).await;
    log_in(&service.client(), PHONE, json!({ "startOver": true }))
        .await
        .refused(403, "registration_locked");
}

#[tokio::test]
async fn bad_input_is_named() {
    let service = unlimited().await;
    let _ = service.client().sign_up(PHONE).await;
    let reply = log_in(&service.client(), PHONE, json!({ "startOver": "yes" })).await;
    let reply = reply.refused(400, "validation_failed");
    assert_eq!(reply.json()["errors"][0]["field"], "startOver");
}

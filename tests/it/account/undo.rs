//! An older device takes back what a younger one changed.

use super::{
    DAY, NEW_PHONE, PHONE, STEP, is_alive, locked, log_in, of, put_phone, refreshed,
    security_events, told, unlimited, with_second_factor,
};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Reply, Service, Session};

async fn undo(service: &Service, phone: &str, token: &str) -> Reply {
    let id = service.client().verified("login", phone).await;
    let body = json!({ "verificationId": id, "previousToken": token });
    service.client().post("/auth/v1/account/undo", body).await
}

async fn account(service: &Service) -> Value {
    let row = "SELECT phone_number, two_factor_enabled, recovery_code_hash,
                      (SELECT count(*) FROM auth.backup_codes) AS codes FROM auth.users_auth";
    service.rows(row).await.remove(0)
}

/// An owner, and a thief who joined by SMS while the owner was away for more than a week.
async fn owner_and_thief(service: &Service) -> (Session, Session) {
    let owner = service.client().sign_up(PHONE).await;
    service.advance(DAY * 8);
    let thief = service.client().log_in(PHONE, "thief").await;
    (owner, thief)
}

#[tokio::test]
async fn the_owner_gets_back_number_lock_and_second_factor() {
    let service = unlimited().await;
    let (owner, thief) = owner_and_thief(&service).await;
    let before = account(&service).await;
    let _ = locked(&service, &thief).await;
    let app = with_second_factor(&service, &thief).await;
    let id = service.client().verified("change-phone", NEW_PHONE).await;
    let body = json!({ "verificationId": id, "twoFactorToken": app.at(service.now()) });
    let _ = put_phone(&of(&service, &thief), body).await.expect(200);
    service.client().refresh(&owner.refresh).await.refused(401, "session_ended");
    assert_ne!(account(&service).await, before);

    // Not with the number of now, nor with the token of the thief, nor with none of ours.
    undo(&service, NEW_PHONE, &owner.refresh).await.refused(404, "undo_not_found");
    undo(&service, PHONE, &thief.refresh).await.refused(404, "undo_not_found");
    undo(&service, PHONE, "none").await.refused(404, "undo_not_found");
    let purpose = service.client().verified("change-phone", PHONE).await;
    let body = json!({ "verificationId": purpose, "previousToken": owner.refresh });
    service.client().post("/auth/v1/account/undo", body).await.refused(400, "verification_invalid");

    service.advance((DAY * 7).saturating_sub(STEP + Duration::from_millis(1)));
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "previousToken": owner.refresh });
    let _ = service.client().post("/auth/v1/account/undo", body.clone()).await.expect(204);
    assert_eq!(account(&service).await, before);
    assert!(!is_alive(&service, &thief).await);
    service.client().refresh(&thief.refresh).await.refused(401, "session_ended");
    assert_eq!(security_events(&service, "change_undone").await, 1);
    assert_eq!(told(&service, "user.phone_changed").await, 2);
    // The verification is used, and there is nothing more to undo.
    service.client().post("/auth/v1/account/undo", body).await.refused(400, "verification_invalid");
    undo(&service, PHONE, &owner.refresh).await.refused(404, "undo_not_found");
    undo(&service, NEW_PHONE, &thief.refresh).await.refused(404, "undo_not_found");
    // The owner logs in as before.
    let mine = json!({ "deviceId": owner.device });
    let back = Session::from_reply(&log_in(&service.client(), PHONE, mine).await.expect(200));
    assert_eq!(back.user, owner.user);
}

#[tokio::test]
async fn the_second_factor_that_was_disabled_is_back_with_its_backup_codes() {
    let service = unlimited().await;
    let owner = service.client().sign_up(PHONE).await;
    let app = with_second_factor(&service, &owner).await;
    let before = service.rows("SELECT * FROM auth.backup_codes ORDER BY id").await;
    service.advance(DAY * 8);
    let body = json!({ "deviceId": "thief", "twoFactorToken": app.at(service.now()) });
    let thief = Session::from_reply(&log_in(&service.client(), PHONE, body).await.expect(200));
    service.advance(STEP);
    let body = json!({ "token": app.at(service.now()) });
    let _ = of(&service, &thief).post("/auth/v1/2fa/disable", body).await.expect(200);
    assert_eq!(account(&service).await["codes"], 0);
    let _ = undo(&service, PHONE, &owner.refresh).await.expect(204);
    assert_eq!(account(&service).await["two_factor_enabled"], true);
    assert_eq!(service.rows("SELECT * FROM auth.backup_codes ORDER BY id").await, before);
    log_in(&service.client(), PHONE, json!({})).await.refused(403, "two_factor_required");
    // A code that was spent stays spent.
    let body = json!({ "twoFactorToken": app.at(service.now()) });
    log_in(&service.client(), PHONE, body).await.refused(401, "two_factor_invalid");
    service.advance(STEP);
    let body = json!({ "twoFactorToken": app.at(service.now()) });
    let _ = log_in(&service.client(), PHONE, body).await.expect(200);
}

#[tokio::test]
async fn not_after_seven_days_and_not_the_changes_of_an_older_device() {
    let service = unlimited().await;
    let (owner, thief) = owner_and_thief(&service).await;
    let _ = locked(&service, &thief).await;
    service.advance(DAY * 7);
    undo(&service, PHONE, &owner.refresh).await.refused(404, "undo_not_found");
    // The thief may not take back what the owner does.
    let mine = json!({ "deviceId": owner.device, "previousToken": owner.refresh });
    let owner = Session::from_reply(&log_in(&service.client(), PHONE, mine).await.expect(200));
    let _ = locked(&service, &owner).await;
    let hash = account(&service).await;
    service.sql("UPDATE auth.devices SET is_verified = true").await;
    undo(&service, PHONE, &thief.refresh).await.refused(404, "undo_not_found");
    undo(&service, PHONE, &owner.refresh).await.refused(404, "undo_not_found");
    assert_eq!(account(&service).await, hash);
    let state = &service.state;
    service.advance(DAY * 7);
    let deleted =
        shared::maintenance::delete_old_rows(&state.core, state.maintenance, service.now());
    assert_eq!(deleted.await.unwrap().changes, 2);
}

#[tokio::test]
async fn a_number_that_has_a_new_account_does_not_come_back() {
    let service = unlimited().await;
    let (owner, thief) = owner_and_thief(&service).await;
    let id = service.client().verified("change-phone", NEW_PHONE).await;
    let _ = put_phone(&of(&service, &thief), json!({ "verificationId": id })).await.expect(200);
    let _ = service.client().sign_up(PHONE).await;
    undo(&service, PHONE, &owner.refresh).await.refused(409, "account_exists");
    assert_eq!(security_events(&service, "change_undone").await, 0);
    assert!(is_alive(&service, &refreshed(&service, &thief).await).await);
}

#[tokio::test]
async fn bad_input_is_named() {
    let service = unlimited().await;
    for (body, field) in [
        (json!({ "previousToken": "x" }), "verificationId"),
        (json!({ "verificationId": "x", "previousToken": "x" }), "verificationId"),
        (json!({ "verificationId": "6cf5c1a8-3f0e-4c1c-9b57-0d6f1c0a4be2" }), "previousToken"),
    ] {
        let reply = service.client().post("/auth/v1/account/undo", body).await;
        let reply = reply.refused(400, "validation_failed");
        assert_eq!(reply.json()["errors"][0]["field"], field);
    }
}

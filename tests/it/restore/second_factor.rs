//! Resets of the second factor, on both sides of the backup: one that was cancelled does not come back,
//! one that took effect holds, and none outlives the second factor that it was asked for.

use super::{ALICE, BOB, Backup, DAY, HOUR, export, of, refreshed, run_twice, unlimited, user};
use crate::account::with_second_factor;
use crate::internal::{change, done};
use serde_json::{Value, json};
use shared::maintenance::apply_second_factor_resets;
use shared::restore::trail::Loss;
use std::time::Duration;
use tests::{Authenticator, Reply, Service, Session};

const CANCEL: &str = "/auth/v1/2fa/reset/cancel";
const PENDING: &str = "SELECT count(*) FROM auth.second_factor_resets";
const STEPPED_UP: &str = "SELECT count(*) FROM auth.sessions WHERE stepped_up_at IS NOT NULL";
const LEFT: &str = "SELECT (SELECT count(*) FROM auth.backup_codes)
                         + (SELECT count(*) FROM auth.users_auth
                             WHERE two_factor_enabled OR two_factor_secret IS NOT NULL)";

async fn with_factor(service: &Service, phone: &str) -> (Session, Authenticator) {
    let session = service.client().sign_up(phone).await;
    let app = with_second_factor(service, &session).await;
    (session, app)
}

async fn ask_for_reset(service: &Service, session: &Session) {
    let _ = done(service, change("reset_second_factor", &session.user)).await;
}

/// Shows the second factor in a session.
async fn step_up(service: &Service, session: &Session, app: &Authenticator) {
    let token = json!({ "token": app.at(service.now()) });
    let _ = of(service, session).post("/auth/v1/2fa/verify", token).await.expect(200);
}

async fn cancel(service: &Service, session: &Session) -> Session {
    let session = refreshed(service, session).await;
    let _ = of(service, &session).post(CANCEL, Value::Null).await.expect(204);
    session
}

/// A log-in on a new device, by the number and perhaps a code of the second factor.
async fn log_in(service: &Service, phone: &str, app: Option<&Authenticator>) -> Reply {
    let id = service.client().verified("login", phone).await;
    let token = app.map(|app| app.at(service.now()));
    let body = json!({ "verificationId": id, "deviceId": "new", "twoFactorToken": token });
    service.client().post("/auth/v1/login", body).await
}

async fn status(service: &Service, session: &Session) -> Value {
    of(service, session).get("/auth/v1/2fa/status").await.expect(200).json()
}

#[tokio::test]
async fn a_reset_that_was_cancelled_after_the_backup_does_not_come_back() {
    let service = unlimited().await;
    let (alice, app) = with_factor(&service, ALICE).await;
    let (bob, bobs) = with_factor(&service, BOB).await;
    ask_for_reset(&service, &alice).await;
    ask_for_reset(&service, &bob).await;
    let backup = Backup::of(&service).await;
    service.advance(HOUR);
    let alice = cancel(&service, &alice).await;
    // Of Bob the trail tells something else: his reset stays.
    step_up(&service, &refreshed(&service, &bob).await, &bobs).await;
    let trail = export(&service).await;

    let restored = backup.restored(&service).await;
    assert_eq!(restored.count(PENDING).await, 2);
    let ran = run_twice(&backup, &restored, &trail).await;
    assert!(ran.replayed.losses.is_empty(), "{:?}", ran.replayed);
    let alice = refreshed(&restored, &alice).await;
    assert_eq!(status(&restored, &alice).await, json!({ "enabled": true }));
    let pending = restored.rows("SELECT user_id FROM auth.second_factor_resets").await;
    assert_eq!(pending, [json!({ "user_id": bob.user })]);
    service.advance(DAY * 8);
    let applied = apply_second_factor_resets(&restored.state.core, restored.now()).await;
    assert_eq!(applied.expect("resets are applied"), 1);
    log_in(&restored, ALICE, None).await.refused(403, "two_factor_required");
    let _ = log_in(&restored, ALICE, Some(&app)).await.expect(200);
    let _ = log_in(&restored, BOB, None).await.expect(200);
}

#[tokio::test]
async fn a_pending_reset_goes_with_the_second_factor_that_it_was_asked_for() {
    let service = unlimited().await;
    let (alice, app) = with_factor(&service, ALICE).await;
    step_up(&service, &alice, &app).await;
    ask_for_reset(&service, &alice).await;
    let backup = Backup::of(&service).await;
    service.advance(Duration::from_mins(2));
    let alice = refreshed(&service, &alice).await;
    let token = json!({ "token": app.at(service.now()) });
    let _ = of(&service, &alice).post("/auth/v1/2fa/disable", token).await.expect(200);
    let disabled = export(&service).await;
    service.advance(Duration::from_secs(30));
    let _ = with_second_factor(&service, &alice).await;
    let enabled_again = export(&service).await;

    for (trail, lost) in [(disabled, &[][..]), (enabled_again, &[Loss::SecondFactor])] {
        let restored = backup.restored(&service).await;
        assert_eq!((restored.count(PENDING).await, restored.count(STEPPED_UP).await), (1, 1));
        let ran = run_twice(&backup, &restored, &trail).await;
        let losses: Vec<Loss> = ran.replayed.losses.iter().map(|(_, loss)| *loss).collect();
        assert_eq!(losses, lost);
        for (left, of) in [(PENDING, "resets"), (STEPPED_UP, "sessions"), (LEFT, "factors")] {
            assert_eq!(restored.count(left).await, 0, "{of}");
        }
    }
    // The next one is not reset on the day that was meant for this one.
    let restored = backup.restored(&service).await;
    let _ = run_twice(&backup, &restored, &export(&service).await).await;
    let alice = refreshed(&restored, &alice).await;
    let app = with_second_factor(&restored, &alice).await;
    assert_eq!(status(&restored, &alice).await, json!({ "enabled": true }));
    service.advance(DAY * 8);
    log_in(&restored, ALICE, None).await.refused(403, "two_factor_required");
    let _ = log_in(&restored, ALICE, Some(&app)).await.expect(200);
}

#[tokio::test]
async fn a_pending_reset_goes_with_changes_that_were_taken_back() {
    let service = unlimited().await;
    let (alice, app) = with_factor(&service, ALICE).await;
    ask_for_reset(&service, &alice).await;
    let backup = Backup::of(&service).await;
    let mut event = change("change_phone_number", &alice.user);
    event["verificationId"] = json!(service.client().verified("register", BOB).await);
    let _ = done(&service, event).await;
    let id = service.client().verified("login", ALICE).await;
    let body = json!({ "verificationId": id, "previousToken": alice.refresh,
                       "twoFactorToken": app.at(service.now()) });
    let _ = service.client().post("/auth/v1/account/undo", body).await.expect(204);
    assert_eq!(service.count(PENDING).await, 0);

    let restored = backup.restored(&service).await;
    assert_eq!(restored.count(PENDING).await, 1);
    let ran = run_twice(&backup, &restored, &export(&service).await).await;
    let lost = [Loss::PhoneNumber, Loss::Undo].map(|loss| (user(&alice), loss));
    assert_eq!(ran.replayed.losses, lost);
    assert_eq!(restored.count(PENDING).await, 0);
    service.advance(DAY * 8);
    log_in(&restored, ALICE, None).await.refused(403, "two_factor_required");
}

/// A newer device takes the second factor off, and the owner's older one takes that back.
#[tokio::test]
async fn a_second_factor_that_its_owner_brought_back_after_the_backup_holds() {
    let service = unlimited().await;
    let (alice, app) = with_factor(&service, ALICE).await;
    let newer = Session::from_reply(&log_in(&service, ALICE, Some(&app)).await.expect(200));
    service.advance(DAY * 8);
    let alice = refreshed(&service, &alice).await;
    let newer = refreshed(&service, &newer).await;
    let backup = Backup::of(&service).await;
    step_up(&service, &newer, &app).await;
    service.advance(Duration::from_mins(1));
    let token = json!({ "token": app.at(service.now()) });
    let _ = of(&service, &newer).post("/auth/v1/2fa/disable", token).await.expect(200);
    service.advance(Duration::from_mins(1));
    let id = service.client().verified("login", ALICE).await;
    let body = json!({ "verificationId": id, "previousToken": alice.refresh,
                       "twoFactorToken": app.at(service.now()) });
    let _ = service.client().post("/auth/v1/account/undo", body).await.expect(204);

    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &export(&service).await).await;
    assert!(ran.replayed.losses.contains(&(user(&alice), Loss::Undo)), "{:?}", ran.replayed);
    log_in(&restored, ALICE, None).await.refused(403, "two_factor_required");
    restored.advance(Duration::from_mins(1));
    let _ = log_in(&restored, ALICE, Some(&app)).await.expect(200);
}

#[tokio::test]
async fn a_reset_that_took_effect_after_the_backup_holds() {
    let service = unlimited().await;
    let (alice, app) = with_factor(&service, ALICE).await;
    step_up(&service, &alice, &app).await;
    let (bob, _) = with_factor(&service, BOB).await;
    ask_for_reset(&service, &bob).await;
    let backup = Backup::of(&service).await;
    ask_for_reset(&service, &alice).await;
    service.advance(DAY * 7);
    let applied = apply_second_factor_resets(&service.state.core, service.now()).await;
    assert_eq!(applied.expect("resets are applied"), 2);
    let alice = refreshed(&service, &alice).await;
    let trail = export(&service).await;

    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &trail).await;
    assert!(ran.replayed.losses.is_empty(), "{:?}", ran.replayed);
    for (left, of) in [(PENDING, "resets"), (STEPPED_UP, "sessions"), (LEFT, "factors")] {
        assert_eq!(restored.count(left).await, 0, "{of}");
    }
    // It ended no session, then or now.
    assert_eq!(ran.replayed.ended_sessions, 0);
    let alice = refreshed(&restored, &alice).await;
    assert_eq!(status(&restored, &alice).await, json!({ "enabled": false }));
    let _ = log_in(&restored, ALICE, None).await.expect(200);
    let _ = log_in(&restored, BOB, None).await.expect(200);
}

#[tokio::test]
async fn a_reset_that_was_asked_for_after_the_backup_is_told_and_opens_nothing() {
    let service = unlimited().await;
    let (alice, _) = with_factor(&service, ALICE).await;
    let (bob, _) = with_factor(&service, BOB).await;
    let backup = Backup::of(&service).await;
    ask_for_reset(&service, &alice).await;
    ask_for_reset(&service, &bob).await;
    let _ = cancel(&service, &bob).await;

    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &export(&service).await).await;
    assert_eq!(ran.replayed.losses, [(user(&alice), Loss::ResetRequest)]);
    assert_eq!(restored.count(PENDING).await, 0);
    service.advance(DAY * 8);
    log_in(&restored, ALICE, None).await.refused(403, "two_factor_required");
    log_in(&restored, BOB, None).await.refused(403, "two_factor_required");
}

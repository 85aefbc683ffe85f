//! A reset of the second factor: asked for, cancelled, in effect.

use super::{
    DAY, PHONE, change, done, entries, is_alive, notices, of, refreshed, refused, told, unlimited,
    with_second_factor,
};
use serde_json::{Value, json};
use shared::maintenance::apply_second_factor_resets;
use std::time::Duration;
use tests::{Authenticator, Reply, Service, Session};

const CANCEL: &str = "/auth/v1/2fa/reset/cancel";
const MOMENT: Duration = Duration::from_millis(1);

async fn owner() -> (Service, Session, Authenticator) {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let app = with_second_factor(&service, &session).await;
    (service, session, app)
}

/// A log-in on a new device, which shows nothing but the number.
async fn log_in(service: &Service, device: &str) -> Reply {
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": device });
    service.client().post("/auth/v1/login", body).await
}

async fn status(service: &Service, session: &Session) -> Value {
    of(service, session).get("/auth/v1/2fa/status").await.expect(200).json()
}

#[tokio::test]
async fn the_second_factor_is_asked_for_until_the_seventh_day() {
    let (service, session, _) = owner().await;
    let answer = done(&service, change("reset_second_factor", &session.user)).await;
    assert_eq!(notices(&service, "second_factor_reset", "devices").await, 1);
    assert_eq!(notices(&service, "second_factor_reset", "phone").await, 1);
    assert_eq!(entries(&service, "second_factor_reset_requested").await[0]["actor"], "operator");
    let shown = status(&service, &session).await;
    assert_eq!(shown, json!({ "enabled": true, "resetAt": answer["effectiveAt"] }));
    let user = done(&service, json!({ "operation": "get_user", "userId": session.user })).await;
    assert_eq!(user["twoFactorResetAt"], answer["effectiveAt"]);

    // Asked for again, it keeps its time, and nobody is told again.
    service.advance(DAY);
    let again = done(&service, change("reset_second_factor", &session.user)).await;
    assert_eq!(again, answer);
    assert_eq!(told(&service, "security.notice").await, 2);

    service.advance((DAY * 6).saturating_sub(MOMENT));
    log_in(&service, "new").await.refused(403, "two_factor_required");
    service.advance(MOMENT);
    let new = Session::from_reply(&log_in(&service, "new").await.expect(200));
    assert_eq!(new.user, session.user);
    // The session of before stays. Neither shows a second factor any more.
    let session = refreshed(&service, &session).await;
    assert!(is_alive(&service, &session).await);
    assert_eq!(status(&service, &session).await, json!({ "enabled": false }));
    assert_eq!(entries(&service, "second_factor_reset").await.len(), 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.backup_codes").await, 0);
    let user = done(&service, json!({ "operation": "get_user", "userId": session.user })).await;
    assert_eq!((&user["twoFactorEnabled"], user.get("twoFactorResetAt")), (&json!(false), None));
    let _ =
        refused(&service, change("reset_second_factor", &session.user), 400, "two_factor_disabled")
            .await;
}

/// Before maintenance or a route of the second factor has deleted anything.
#[tokio::test]
async fn in_effect_it_counts_as_disabled_wherever_it_is_read() {
    let (service, session, app) = owner().await;
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    service.advance(DAY * 7);
    let session = refreshed(&service, &session).await;
    let client = of(&service, &session);
    let account = client.get("/auth/v1/account").await.expect(200).json();
    assert_eq!(account["twoFactorEnabled"], false);
    let user = done(&service, json!({ "operation": "get_user", "userId": session.user })).await;
    assert_eq!(user["twoFactorEnabled"], false);
    let (id, code) = service.client().start("login", PHONE).await;
    let confirmed = service.client().confirm("login", &id, &code).await.expect(200).json();
    assert_eq!(confirmed["requires2FA"], false);
    // A fresh proof is one without a second factor: the number, by a code.
    let lock = async |body: Value| {
        client.send(http::Method::PUT, "/auth/v1/account/registration-lock", &body).await
    };
    lock(json!({})).await.refused(403, "fresh_proof_required");
    let shown = json!({ "proofVerificationId": id, "twoFactorToken": app.at(service.now()) });
    let _ = lock(shown).await.expect(200);
    // A code of the old secret shows nothing.
    let body = json!({ "token": app.at(service.now()) });
    client.post("/auth/v1/2fa/verify", body).await.refused(400, "two_factor_disabled");
    assert_eq!(entries(&service, "second_factor_reset").await.len(), 1);
    // And another one can be set up and enabled.
    let session = Session::from_reply(&{
        let id = service.client().verified("login", PHONE).await;
        let body = json!({ "verificationId": id, "deviceId": session.device,
                           "previousToken": session.refresh });
        service.client().post("/auth/v1/login", body).await.expect(200)
    });
    let _ = with_second_factor(&service, &session).await;
    assert_eq!(status(&service, &session).await["enabled"], true);
    service.advance(DAY * 8);
    log_in(&service, "new").await.refused(403, "two_factor_required");
}

#[tokio::test]
async fn a_verified_device_cancels_it() {
    let (service, session, app) = owner().await;
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    // A device that joined with code and second factor is not verified yet.
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "young",
                       "twoFactorToken": app.at(service.now()) });
    let young = service.client().post("/auth/v1/login", body).await.expect(200);
    let young = Session::from_reply(&young);
    of(&service, &young).post(CANCEL, Value::Null).await.refused(403, "device_unverified");
    service.client().post(CANCEL, Value::Null).await.refused(401, "token_missing");
    assert!(status(&service, &session).await["resetAt"].is_string());

    service.advance((DAY * 7).saturating_sub(MOMENT));
    let session = refreshed(&service, &session).await;
    let _ = of(&service, &session).post(CANCEL, Value::Null).await.expect(204);
    assert_eq!(notices(&service, "second_factor_reset_cancelled", "devices").await, 1);
    let entry = entries(&service, "second_factor_reset_cancelled").await.remove(0);
    assert!(entry.get("actor").is_none() && entry["sessionId"].is_string());
    service.advance(MOMENT);
    assert_eq!(status(&service, &session).await, json!({ "enabled": true }));
    log_in(&service, "new").await.refused(403, "two_factor_required");
    // Nothing is left to cancel, and nothing happens.
    let _ = of(&service, &session).post(CANCEL, Value::Null).await.expect(204);
    assert_eq!(entries(&service, "second_factor_reset_cancelled").await.len(), 1);
}

#[tokio::test]
async fn too_late_a_cancellation_changes_nothing() {
    let (service, session, _) = owner().await;
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    service.advance(DAY * 7);
    let session = refreshed(&service, &session).await;
    let _ = of(&service, &session).post(CANCEL, Value::Null).await.expect(204);
    assert!(entries(&service, "second_factor_reset_cancelled").await.is_empty());
    assert_eq!(status(&service, &session).await, json!({ "enabled": false }));
}

#[tokio::test]
async fn nobody_cancels_the_reset_of_another_account() {
    let (service, session, _) = owner().await;
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    let stranger = service.client().sign_up("+33698765432").await;
    let _ = of(&service, &stranger).post(CANCEL, Value::Null).await.expect(204);
    assert!(status(&service, &session).await["resetAt"].is_string());
}

#[tokio::test]
async fn maintenance_applies_it_once() {
    let (service, session, app) = owner().await;
    let token = json!({ "token": app.at(service.now()) });
    let _ = of(&service, &session).post("/auth/v1/2fa/verify", token).await.expect(200);
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    let core = &service.state.core;
    service.advance((DAY * 7).saturating_sub(MOMENT));
    assert_eq!(apply_second_factor_resets(core, service.now()).await.unwrap(), 0);
    service.advance(MOMENT);
    assert_eq!(apply_second_factor_resets(core, service.now()).await.unwrap(), 1);
    assert_eq!(apply_second_factor_resets(core, service.now()).await.unwrap(), 0);
    assert_eq!(entries(&service, "second_factor_reset").await.len(), 1);
    for left in [
        "SELECT count(*) FROM auth.users_auth WHERE two_factor_enabled
            OR two_factor_secret IS NOT NULL",
        "SELECT count(*) FROM auth.sessions WHERE stepped_up_at IS NOT NULL",
        "SELECT count(*) FROM auth.second_factor_resets",
    ] {
        assert_eq!(service.count(left).await, 0, "{left}");
    }
}

#[tokio::test]
async fn a_second_factor_that_is_disabled_takes_its_reset_along() {
    let (service, session, app) = owner().await;
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    let token = json!({ "token": app.at(service.now()) });
    let session = refreshed(&service, &session).await;
    let _ = of(&service, &session).post("/auth/v1/2fa/disable", token).await.expect(200);
    let _ =
        refused(&service, change("reset_second_factor", &session.user), 400, "two_factor_disabled")
            .await;
    service.advance(Duration::from_secs(30));
    let _ = with_second_factor(&service, &session).await;
    service.advance(DAY * 7);
    log_in(&service, "new").await.refused(403, "two_factor_required");
}

/// Also where one was left: a reset never opens the second factor that comes after its own.
#[tokio::test]
async fn a_second_factor_that_is_enabled_takes_no_reset_over() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let left = format!(
        "INSERT INTO auth.second_factor_resets (user_id, requested_at, effective_at)
         SELECT id, created_at, created_at + interval '7 days' FROM auth.users_auth
          WHERE id = '{}'",
        session.user
    );
    service.sql(&left).await;
    let app = with_second_factor(&service, &session).await;
    assert_eq!(status(&service, &session).await, json!({ "enabled": true }));
    service.advance(DAY * 8);
    log_in(&service, "new").await.refused(403, "two_factor_required");
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "new",
                       "twoFactorToken": app.at(service.now()) });
    let _ = service.client().post("/auth/v1/login", body).await.expect(200);
}

/// The one that asked for it finds its own answer, also when it has taken effect.
#[tokio::test]
async fn a_repeat_gets_the_same_answer() {
    let (service, session, _) = owner().await;
    let event = change("reset_second_factor", &session.user);
    let answer = done(&service, event.clone()).await;
    service.advance(DAY * 8);
    assert_eq!(done(&service, event).await, answer);
    assert_eq!(told(&service, "security.notice").await, 2);
}

//! What an operator did after the backup: ends of sessions, and numbers that accounts got again.

use super::{
    ALICE, BOB, Backup, DAY, HOUR, chains_hold, export, refreshed, run_twice, unlimited, user,
};
use crate::internal::{change, done, entries};
use crate::sources::{code_blocks, read};
use serde_json::{Value, json};
use shared::maintenance::delete_old_rows;
use shared::restore::trail::{Loss, Trail};
use tests::{Keys, Service, Session};

const CAROL: &str = "+33611111111";

async fn revoke(service: &Service, session: &Session, named: &Value) -> Value {
    let mut event = change("revoke_sessions", &session.user);
    for (name, id) in named.as_object().expect("ids") {
        event[name] = id.clone();
    }
    done(service, event).await["endedSessions"].clone()
}

#[tokio::test]
async fn what_an_operator_ended_stays_ended_and_nothing_else_ends() {
    let service = unlimited().await;
    let client = service.client();
    let one = client.sign_up(ALICE).await;
    let [two, kept] = [client.log_in(ALICE, "two").await, client.log_in(ALICE, "kept").await];
    let bob = client.sign_up(BOB).await;
    let also = client.log_in(BOB, "also").await;
    let backup = Backup::of(&service).await;
    service.advance(HOUR);
    assert_eq!(revoke(&service, &one, &json!({ "sessionId": one.id() })).await, 1);
    assert_eq!(revoke(&service, &one, &json!({ "deviceId": two.device })).await, 1);
    // This session is none of that device: the call ended nothing.
    let mismatch = json!({ "sessionId": kept.id(), "deviceId": two.device });
    assert_eq!(revoke(&service, &one, &mismatch).await, 0);
    assert_eq!(revoke(&service, &bob, &json!({})).await, 2);
    let named: Vec<[Value; 2]> = entries(&service, "session_ended")
        .await
        .iter()
        .map(|entry| ["sessionId", "deviceId"].map(|name| entry[name].clone()))
        .collect();
    let device = json!(two.device);
    let expected = [
        [json!(one.id()), Value::Null],
        [Value::Null, device.clone()],
        [json!(kept.id()), device.clone()],
    ];
    assert_eq!(named, expected);

    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &export(&service).await).await;
    assert_eq!(ran.replayed.ended_sessions, 4);
    for ended in [&one, &two, &bob, &also] {
        restored.client().refresh(&ended.refresh).await.refused(401, "session_ended");
        let _ = restored.client().ws_token(&ended.access).await.expect(401);
    }
    let _ = refreshed(&restored, &kept).await;
    // Earlier tokens of what an operator ended show nothing any more.
    let reason = "SELECT count(*) FROM auth.sessions WHERE revoked_for = 'logout_all'";
    assert_eq!(restored.count(reason).await, 4);
    assert!(chains_hold(&restored).await);
}

/// A trail that goes on from the head of a user by one entry.
async fn one_more(service: &Service, session: &Session, entry: &Value) -> Trail {
    let next = format!(
        "SELECT user_id AS \"userId\", seq + 1 AS seq, '{entry}' AS entry,
                encode(sha256(head || int8send(seq + 1) || convert_to('{entry}', 'UTF8')), 'hex')
                  AS hash
           FROM auth.audit_heads WHERE user_id = '{}'",
        session.user
    );
    Trail::read(&service.rows(&next).await[0].to_string()).expect("a line of an export")
}

#[tokio::test]
async fn an_end_that_names_no_session_ends_all_of_the_account() {
    for actor in [Some("operator"), None] {
        let service = unlimited().await;
        let client = service.client();
        let alice = client.sign_up(ALICE).await;
        let other = client.log_in(ALICE, "other").await;
        let bob = client.sign_up(BOB).await;
        let backup = Backup::of(&service).await;
        let entry =
            json!({ "event": "session_ended", "at": service.now().millis(), "actor": actor });
        let trail = one_more(&service, &alice, &entry).await;

        let restored = backup.restored(&service).await;
        let ran = run_twice(&backup, &restored, &trail).await;
        assert_eq!(ran.replayed.ended_sessions, 2);
        for ended in [&alice, &other] {
            restored.client().refresh(&ended.refresh).await.refused(401, "session_ended");
        }
        let _ = refreshed(&restored, &bob).await;
    }
}

/// Gives the number of an account that nobody used for long a new account.
async fn start_over(service: &Service, phone: &str) -> Session {
    let id = service.client().verified("login", phone).await;
    let body = json!({ "verificationId": id, "startOver": true });
    Session::from_reply(&service.client().post("/auth/v1/login", body).await.expect(200))
}

async fn restore_account(service: &Service, session: &Session, phone: &str) {
    let mut event = change("restore_account", &session.user);
    event["verificationId"] = json!(service.client().verified("register", phone).await);
    let _ = done(service, event).await;
}

#[tokio::test]
async fn an_account_that_got_a_number_again_after_the_backup_waits_for_it() {
    let service = unlimited().await;
    let old = service.client().sign_up(ALICE).await;
    service.advance(DAY * 91);
    let new = start_over(&service, ALICE).await;
    // In two days the old account would be deleted.
    service.advance(DAY * 29);
    let backup = Backup::of(&service).await;
    restore_account(&service, &old, BOB).await;
    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &export(&service).await).await;
    assert_eq!(ran.replayed.losses, [(user(&old), Loss::RestoredNumber)]);
    assert_eq!(ran.replayed.released_accounts, 0);

    service.advance(DAY * 2);
    let state = &restored.state;
    let deleted = delete_old_rows(&state.core, state.maintenance, restored.now()).await.unwrap();
    assert_eq!(deleted.accounts, 0);
    restore_account(&restored, &old, BOB).await;
    assert_eq!(restored.client().log_in(BOB, "phone").await.user, old.user);
    assert_eq!(restored.client().log_in(ALICE, "phone").await.user, new.user);
}

#[tokio::test]
async fn a_number_that_was_released_after_the_backup_opens_the_account_no_more() {
    let service = unlimited().await;
    let keys = [Keys::new(), Keys::new()];
    let sign_up = async |phone, keys: &Keys| {
        service.client().sign_up_with(phone, keys.bundle(1..3, 1..3)).await
    };
    // Alice's account gets another number, Carol's gets none. Dave's keeps its own.
    let old = [sign_up(ALICE, &keys[0]).await, sign_up(CAROL, &keys[1]).await];
    service.advance(DAY * 91);
    let dave = service.client().sign_up("+33622222222").await;
    let backup = Backup::of(&service).await;
    assert_eq!(revoke(&service, &old[1], &json!({})).await, 1);
    let new = [start_over(&service, ALICE).await, start_over(&service, CAROL).await];
    restore_account(&service, &old[0], BOB).await;
    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &export(&service).await).await;
    let mut expected = vec![
        (user(&old[0]), Loss::RestoredNumber),
        (user(&new[0]), Loss::Account),
        (user(&new[1]), Loss::Account),
    ];
    expected.sort();
    assert_eq!(ran.replayed.losses, expected);
    assert_eq!((ran.replayed.released_accounts, ran.replayed.ended_sessions), (2, 2));
    // Each for what it ended then.
    let reasons = "SELECT revoked_for FROM auth.sessions WHERE revoked_at IS NOT NULL ORDER BY 1";
    let reasons = restored.rows(reasons).await;
    let expected = ["logout_all", "number_released"].map(|of| json!({ "revoked_for": of }));
    assert_eq!(reasons, expected);
    assert!(chains_hold(&restored).await);
    let released = "SELECT count(*) FROM auth.users_auth u JOIN auth.released_accounts r
                        ON r.user_id = u.id WHERE u.phone_number IS NULL";
    assert_eq!(restored.count(released).await, 2);

    // Whoever has the numbers now gets new accounts, and none with the identity keys of before.
    let id = restored.client().verified("register", CAROL).await;
    let body = json!({ "verificationId": id, "signalKeyBundle": keys[1].bundle(3..5, 3..5) });
    let reply = restored.client().post("/auth/v1/register", body).await;
    reply.refused(409, "identity_key_in_use");
    for (phone, old) in [ALICE, CAROL].into_iter().zip(&old) {
        assert_ne!(restored.client().sign_up(phone).await.user, old.user);
    }
    let _ = refreshed(&restored, &dave).await;
    restore_account(&restored, &old[0], BOB).await;
    assert_eq!(restored.client().log_in(BOB, "phone").await.user, old[0].user);
}

/// The log holds no numbers. What docs/operating.md says to do then is done here.
#[tokio::test]
async fn a_number_that_was_changed_is_told_and_an_operator_takes_the_earlier_one_away() {
    let service = unlimited().await;
    let alice = service.client().sign_up(ALICE).await;
    let backup = Backup::of(&service).await;
    let mut event = change("change_phone_number", &alice.user);
    event["verificationId"] = json!(service.client().verified("register", BOB).await);
    let _ = done(&service, event).await;
    let trail = export(&service).await;
    let restored = backup.restored(&service).await;
    let ran = run_twice(&backup, &restored, &trail).await;
    assert_eq!(ran.replayed.losses, [(user(&alice), Loss::PhoneNumber)]);
    restored.client().refresh(&alice.refresh).await.refused(401, "session_ended");
    assert_eq!(restored.client().log_in(ALICE, "phone").await.user, alice.user);

    let manual = read("docs/operating.md");
    let sql = code_blocks(&manual, "sql").find(|block| block.contains("released_accounts"));
    restored.sql(&sql.expect("the statement").replace("USER_ID", &alice.user)).await;
    let _ = revoke(&restored, &alice, &json!({})).await;
    assert_ne!(restored.client().sign_up(ALICE).await.user, alice.user);
    restore_account(&restored, &alice, BOB).await;
    assert_eq!(restored.client().log_in(BOB, "phone").await.user, alice.user);
}

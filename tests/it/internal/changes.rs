//! Sessions, numbers, deletion; repeats; what the trail says.

use super::{
    DAY, INVOCATION, NEW_PHONE, PHONE, call, change, done, entries, handle, is_alive, new_id,
    notices, of, refreshed, refused, state, told, unlimited, with_second_factor,
};
use crate::verify::keys;
use serde_json::{Value, json};
use shared::maintenance::delete_old_rows;
use std::time::Duration;
use tests::proxy::Lost;
use tests::race::together;
use tests::stores::Stores;
use tests::{Keys, Proxy, Service, Session};

const CALLS: &str = "SELECT count(*) FROM auth.operator_calls";
const LIVE: &str = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";

async fn two_devices(service: &Service) -> (Session, Session) {
    let first = service.client().sign_up(PHONE).await;
    let second = service.client().log_in(PHONE, "phone-2").await;
    (first, second)
}

#[tokio::test]
async fn sessions_end_all_or_those_of_a_device_or_one() {
    let service = unlimited().await;
    let (first, second) = two_devices(&service).await;
    let other = service.client().sign_up(NEW_PHONE).await;
    for session in [&first, &second, &other] {
        assert!(is_alive(&service, session).await);
    }
    // One session of somebody else is none of this account.
    let mut foreign = change("revoke_sessions", &first.user);
    foreign["sessionId"] = json!(other.id());
    assert_eq!(done(&service, foreign).await["endedSessions"], 0);
    let mut of_device = change("revoke_sessions", &first.user);
    of_device["deviceId"] = json!(second.device);
    let answer = done(&service, of_device).await;
    assert_eq!(answer, json!({ "userId": first.user, "endedSessions": 1 }));
    assert!(is_alive(&service, &first).await && !is_alive(&service, &second).await);
    let mut one = change("revoke_sessions", &first.user);
    one["sessionId"] = json!(first.id());
    assert_eq!(done(&service, one).await["endedSessions"], 1);
    assert!(!is_alive(&service, &first).await);
    service.client().refresh(&first.refresh).await.refused(401, "session_ended");
    let first = service.client().log_in(PHONE, "phone-1").await;
    let second = service.client().log_in(PHONE, "phone-2").await;
    assert_eq!(done(&service, change("revoke_sessions", &first.user)).await["endedSessions"], 2);
    assert!(!is_alive(&service, &first).await && !is_alive(&service, &second).await);
    assert!(is_alive(&service, &other).await);
    // What somebody may have stolen shows nothing any more.
    let of_user = format!(
        "SELECT count(*) FROM auth.sessions WHERE user_id = '{}'
                            AND revoked_for = 'logout_all'",
        first.user
    );
    assert_eq!(service.count(&of_user).await, 4);
}

#[tokio::test]
async fn the_trail_names_the_operator_and_the_user_sees_that_it_was_one() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let arn = "arn:aws:iam::123456789012:user/support-7";
    let revoke = change("revoke_sessions", &session.user);
    let event = json!({
        "version": "2.0",
        "requestContext": { "authorizer": { "iam": { "userArn": arn } } },
        "body": revoke.to_string(),
    });
    assert_eq!(call(&service, event).await["statusCode"], 200);
    let entry = entries(&service, "all_sessions_ended").await.remove(0);
    assert_eq!((&entry["actor"], &entry["caller"]), (&json!("operator"), &json!(arn)));
    assert_eq!(
        (&entry["invocation"], &entry["requestId"]),
        (&json!(INVOCATION), &revoke["requestId"])
    );
    // Also where nothing was left to end, and without a gateway.
    let direct = change("revoke_sessions", &session.user);
    assert_eq!(done(&service, direct).await["endedSessions"], 0);
    let both = entries(&service, "all_sessions_ended").await;
    assert_eq!((both.len(), both[1].get("caller")), (2, None));

    let session = service.client().log_in(PHONE, "phone-1").await;
    let client = of(&service, &session);
    let seen = client.get("/auth/v1/security-events").await.expect(200).json();
    let by_operator = seen["entries"].as_array().unwrap().iter();
    assert_eq!(by_operator.filter(|entry| entry["actor"] == "operator").count(), 2);
    assert!(!seen.to_string().contains("support-7"), "who of the staff it was is not told");
    let export = client.get("/auth/v1/account/export").await.expect(200).json();
    assert!(!export.to_string().contains("support-7"));
    // The chain holds.
    let verified = shared::audit::verify::verify(&service.state.core.store, None).await.unwrap();
    assert_eq!(format!("{:?}", verified.faults), "[]");
}

#[tokio::test]
async fn fifty_calls_with_one_id_have_one_effect_and_one_answer() {
    let service = unlimited().await;
    let (first, _) = two_devices(&service).await;
    let event = change("revoke_sessions", &first.user);
    let calls = (0..50).map(|_| {
        let (state, event) = (state(&service), event.clone());
        async move {
            loop {
                let answer = handle(&state, &event, INVOCATION).await;
                // So many at once wait longer than a statement may.
                if answer["status"] != 503 {
                    return answer;
                }
            }
        }
    });
    let answers = together(calls).await;
    assert_eq!(answers.len(), 50);
    for answer in answers {
        assert_eq!(answer, json!({ "userId": first.user, "endedSessions": 2 }));
    }
    assert_eq!(service.count(CALLS).await, 1);
    assert_eq!(entries(&service, "all_sessions_ended").await.len(), 1);
    assert_eq!(told(&service, "session.ended").await, 2);
    // Later, too; but a session that began in between is not this call's.
    let new = service.client().log_in(PHONE, "phone-3").await;
    assert_eq!(done(&service, event.clone()).await["endedSessions"], 2);
    assert!(is_alive(&service, &new).await);

    // The id is that of one call: not of another operation, nor of another user.
    let mut other = event.clone();
    other["operation"] = json!("delete_user");
    let problem = refused(&service, other, 400, "validation_failed").await;
    assert_eq!(
        (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
        (&json!("requestId"), &json!("reused"))
    );
    let mut narrower = event.clone();
    narrower["deviceId"] = json!(new.device);
    let _ = refused(&service, narrower, 400, "validation_failed").await;
    assert!(is_alive(&service, &new).await);

    // It is known for 30 days.
    let maintain = async || {
        let state = &service.state;
        delete_old_rows(&state.core, state.maintenance, service.now()).await.unwrap();
        service.count(CALLS).await
    };
    service.advance((DAY * 30).saturating_sub(Duration::from_millis(1)));
    assert_eq!(maintain().await, 1);
    service.advance(Duration::from_millis(1));
    assert_eq!(maintain().await, 0);
}

#[tokio::test]
async fn an_operator_gives_a_newly_proven_number() {
    let service = unlimited().await;
    let (first, second) = two_devices(&service).await;
    let mut event = change("change_phone_number", &first.user);
    // Not without a proof, nor with one of another purpose or device.
    event["verificationId"] = json!(new_id());
    let _ = refused(&service, event.clone(), 400, "verification_invalid").await;
    event["verificationId"] = json!(service.client().verified("login", NEW_PHONE).await);
    let _ = refused(&service, event.clone(), 400, "verification_invalid").await;
    let (unconfirmed, _) = service.client().start("register", NEW_PHONE).await;
    event["verificationId"] = json!(unconfirmed);
    let _ = refused(&service, event.clone(), 400, "verification_invalid").await;
    let (bound, code) = bound_verification(&service, "phone-9").await;
    let body = json!({ "verificationId": bound, "code": code, "deviceId": "phone-9" });
    let _ = service.client().post("/auth/v1/verify/register/confirm", body).await.expect(200);
    event["verificationId"] = json!(bound);
    let _ = refused(&service, event.clone(), 400, "verification_invalid").await;
    assert!(is_alive(&service, &first).await);

    event["deviceId"] = json!("phone-9");
    let answer = done(&service, event.clone()).await;
    assert_eq!(answer, json!({ "userId": first.user, "endedSessions": 2 }));
    assert!(!is_alive(&service, &first).await && !is_alive(&service, &second).await);
    assert_eq!(told(&service, "user.phone_changed").await, 1);
    assert_eq!(notices(&service, "phone_changed", "phone").await, 1);
    assert_eq!(notices(&service, "phone_changed", "devices").await, 1);
    assert_eq!(entries(&service, "phone_changed").await[0]["actor"], "operator");
    // A repeat finds the verification used, and its own work.
    assert_eq!(done(&service, event.clone()).await, answer);
    event["requestId"] = json!(new_id());
    let _ = refused(&service, event, 400, "verification_invalid").await;
    let back = service.client().log_in(NEW_PHONE, "phone-1").await;
    assert_eq!(back.user, first.user);
}

async fn bound_verification(service: &Service, device: &str) -> (String, String) {
    let client = service.client();
    let body = json!({ "phoneNumber": NEW_PHONE, "deviceId": device });
    let reply = client.post("/auth/v1/verify/register/request", body).await.expect(200).json();
    let id = reply["verificationId"].as_str().unwrap().to_owned();
    (id, client.last_code(NEW_PHONE).await)
}

#[tokio::test]
async fn a_number_that_has_an_account_is_not_given_to_another() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let id = service.client().verified("register", NEW_PHONE).await;
    let _ = service.client().sign_up(NEW_PHONE).await;
    let mut event = change("change_phone_number", &session.user);
    event["verificationId"] = json!(id);
    let _ = refused(&service, event.clone(), 409, "account_exists").await;
    event["verificationId"] = json!(service.client().verified("register", PHONE).await);
    let _ = refused(&service, event, 409, "account_exists").await;
    assert!(is_alive(&service, &session).await);
    assert_eq!(service.count(CALLS).await, 0);
}

#[tokio::test]
async fn any_verified_device_takes_back_a_number_that_an_operator_gave() {
    let service = unlimited().await;
    let (first, second) = two_devices(&service).await;
    let mut event = change("change_phone_number", &first.user);
    event["verificationId"] = json!(service.client().verified("register", NEW_PHONE).await);
    service.advance(Duration::from_secs(1));
    let _ = done(&service, event).await;
    let thief = service.client().log_in(NEW_PHONE, "thief").await;
    let undo = async |token: &str| {
        let id = service.client().verified("login", PHONE).await;
        let body = json!({ "verificationId": id, "previousToken": token });
        service.client().post("/auth/v1/account/undo", body).await
    };
    undo(&second.refresh).await.refused(404, "undo_not_found");
    undo(&thief.refresh).await.refused(404, "undo_not_found");
    let _ = undo(&first.refresh).await.expect(204);
    assert!(!is_alive(&service, &thief).await);
    let found = done(&service, json!({ "operation": "get_user", "userId": first.user })).await;
    assert_eq!(found["phoneNumber"], PHONE);
}

/// An account that lost its number to another one.
async fn released(service: &Service, keys: &Keys) -> (Session, Session) {
    let old = service.client().sign_up_with(PHONE, keys.bundle(1..3, 1..3)).await;
    service.advance(DAY * 91);
    let id = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "startOver": true });
    let reply = service.client().post("/auth/v1/login", body).await.expect(200);
    (old, Session::from_reply(&reply))
}

#[tokio::test]
async fn an_account_that_lost_its_number_gets_one_again() {
    let service = unlimited().await;
    let keys = Keys::new();
    let (old, new) = released(&service, &keys).await;
    let id = service.client().verified("register", NEW_PHONE).await;
    let mut event = change("change_phone_number", &old.user);
    event["verificationId"] = json!(id);
    let problem = refused(&service, event, 400, "validation_failed").await;
    assert_eq!(problem["errors"][0]["code"], "released");
    let mut event = change("restore_account", &new.user);
    event["verificationId"] = json!(id);
    let problem = refused(&service, event, 400, "validation_failed").await;
    assert_eq!(problem["errors"][0]["code"], "not_released");

    let mut event = change("restore_account", &old.user);
    event["verificationId"] = json!(service.client().verified("register", PHONE).await);
    let _ = refused(&service, event.clone(), 409, "account_exists").await;
    event["verificationId"] = json!(id);
    assert_eq!(done(&service, event.clone()).await, json!({ "userId": old.user }));
    assert_eq!(done(&service, event).await, json!({ "userId": old.user }));
    assert_eq!(told(&service, "user.phone_changed").await, 1);
    assert_eq!(entries(&service, "account_restored").await.len(), 1);
    // Its user logs in at once, with the identity key of before, and maintenance leaves it alone.
    let body = json!({ "verificationId": service.client().verified("login", NEW_PHONE).await,
                       "signalKeyBundle": keys.bundle(3..5, 3..5) });
    let back = service.client().post("/auth/v1/login", body).await.expect(200);
    assert_eq!(Session::from_reply(&back).user, old.user);
    service.advance(DAY * 31);
    let state = &service.state;
    let deleted = delete_old_rows(&state.core, state.maintenance, service.now()).await.unwrap();
    assert_eq!(deleted.accounts, 0);
}

#[tokio::test]
async fn an_account_that_is_deleted_is_not_restored() {
    let service = unlimited().await;
    let (old, _) = released(&service, &Keys::new()).await;
    service.advance(DAY * 30);
    let state = &service.state;
    let deleted = delete_old_rows(&state.core, state.maintenance, service.now()).await.unwrap();
    assert_eq!(deleted.accounts, 1);
    let mut event = change("restore_account", &old.user);
    event["verificationId"] = json!(service.client().verified("register", NEW_PHONE).await);
    let _ = refused(&service, event, 404, "user_not_found").await;
}

#[tokio::test]
async fn one_of_many_restores_gets_the_number() {
    let service = unlimited().await;
    let (old, _) = released(&service, &Keys::new()).await;
    let id = service.client().verified("register", NEW_PHONE).await;
    let calls = (0..10).map(|_| {
        let mut event = change("restore_account", &old.user);
        event["verificationId"] = json!(id);
        let state = state(&service);
        async move { handle(&state, &event, INVOCATION).await }
    });
    let answers = together(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.get("code").is_none()).count(), 1);
    assert_eq!(told(&service, "user.phone_changed").await, 1);
}

#[tokio::test]
async fn a_deletion_erases_what_a_user_would_erase() {
    let service = unlimited().await;
    let keys = Keys::new();
    let session = service.client().sign_up_with(PHONE, keys.bundle(1..3, 1..3)).await;
    let _ = with_second_factor(&service, &session).await;
    let _ = done(&service, change("reset_second_factor", &session.user)).await;
    let session = refreshed(&service, &session).await;
    assert!(is_alive(&service, &session).await);
    let event = change("delete_user", &session.user);
    let answer = done(&service, event.clone()).await;
    assert_eq!(answer, json!({ "userId": session.user, "endedSessions": 1 }));
    assert!(!is_alive(&service, &session).await);
    for table in ["users_auth", "devices", "sessions", "identity_keys", "second_factor_resets"] {
        assert_eq!(
            service.count(&format!("SELECT count(*) FROM auth.{table}")).await,
            0,
            "{table}"
        );
    }
    let personal =
        format!("SELECT count(*) FROM auth.operator_calls c WHERE c::text LIKE '%{PHONE}%'");
    assert_eq!(service.count(&personal).await, 0);
    assert_eq!(told(&service, "user.deleted").await, 1);
    assert_eq!(entries(&service, "account_deleted").await[0]["actor"], "operator");
    // Again, the same answer; under another id, there is nobody.
    assert_eq!(done(&service, event).await, answer);
    let _ = refused(&service, change("delete_user", &session.user), 404, "user_not_found").await;
    // The identity key does not come back.
    let body = json!({ "verificationId": service.client().verified("register", PHONE).await,
                       "signalKeyBundle": keys.bundle(3..5, 3..5) });
    service.client().post("/auth/v1/register", body).await.refused(409, "identity_key_in_use");
}

#[tokio::test]
async fn a_deletion_clears_the_wrong_codes_of_sessions_that_ended_long_before() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let app = with_second_factor(&service, &session).await;
    let session = refreshed(&service, &session).await;
    let wrong = json!({ "token": app.wrong(service.now()).next().unwrap() });
    let _ = of(&service, &session).post("/auth/v1/2fa/verify", wrong).await.expect(200);
    let _ = done(&service, change("revoke_sessions", &session.user)).await;
    service.advance(DAY);
    let counted = || keys(&service, "two_factor:*");
    assert_eq!(counted().await.len(), 2, "of the account and of the session");
    let _ = done(&service, change("delete_user", &session.user)).await;
    assert_eq!(counted().await, [""; 0]);
}

/// A connection is lost at each exchange of each change: the answer is the normal one, and the change is
/// made once.
#[tokio::test]
async fn a_lost_connection_changes_nothing_of_a_change() {
    const CHANGES: [&str; 5] = [
        "revoke_sessions",
        "change_phone_number",
        "restore_account",
        "reset_second_factor",
        "delete_user",
    ];
    for operation in CHANGES {
        for part in [Lost::Request, Lost::Reply] {
            for skip in 0.. {
                let stores = Stores::fresh().await;
                let (proxy, url) = Proxy::before(&stores.database_url).await;
                let variables = [("DATABASE_URL", url.as_str()), ("RATE_LIMITS", "off")];
                let service = Service::over(stores, &variables).await;
                let user = if operation == "restore_account" {
                    released(&service, &Keys::new()).await.0.user
                } else {
                    let session = service.client().sign_up(PHONE).await;
                    let _ = with_second_factor(&service, &session).await;
                    session.user
                };
                let mut event = change(operation, &user);
                if operation.ends_with("number") || operation.starts_with("restore") {
                    let id = service.client().verified("register", NEW_PHONE).await;
                    event["verificationId"] = json!(id);
                }
                let count = "SELECT count(*) FROM auth.security_events
                              WHERE entry::jsonb->>'actor' = 'operator'";
                proxy.lose(skip, part);
                let answer = done(&service, event.clone()).await;
                let lost = !proxy.has_loss_pending();
                proxy.lose(1_000_000, Lost::Request);
                let place = format!("{operation} {part:?} {skip}");
                assert_eq!(service.count(count).await, 1, "{place}");
                assert_eq!(service.count(CALLS).await, 1, "{place}");
                assert_eq!(done(&service, event).await, answer, "{place}");
                assert_eq!(service.count(count).await, 1, "{place}");
                if !lost {
                    assert!(skip >= 3, "{place}: too few exchanges");
                    break;
                }
            }
        }
    }
}

/// A change beside a log-out and a deletion by the user: none waits for another in a circle.
#[tokio::test]
async fn changes_at_the_same_moment_leave_one_state() {
    let service = unlimited().await;
    let (first, second) = two_devices(&service).await;
    let calls: Vec<Value> = (0..8)
        .map(|n| match n % 3 {
            0 => change("revoke_sessions", &first.user),
            1 => change("reset_second_factor", &first.user),
            _ => change("delete_user", &first.user),
        })
        .collect();
    let calls = calls.into_iter().map(|event| {
        let state = state(&service);
        async move { handle(&state, &event, INVOCATION).await }
    });
    let answers = together(calls).await;
    for answer in &answers {
        let code = answer["code"].as_str().unwrap_or("done");
        assert!(["done", "user_not_found", "two_factor_disabled"].contains(&code), "{answer}");
    }
    assert!(!is_alive(&service, &first).await && !is_alive(&service, &second).await);
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 0);
    assert_eq!(service.count(LIVE).await, 0);
    assert_eq!(told(&service, "user.deleted").await, 1);
}

//! Many requests at once: each single-use thing is used once.

use super::{DAY, NEW_PHONE, PHONE, delete_account, of, put_phone, told, unlimited};
use serde_json::json;
use std::collections::BTreeSet;
use tests::race::{counts, tally, together};
use tests::{Reply, Service, Session};

async fn sandboxes(service: &Service) -> Vec<Service> {
    let mut sandboxes = vec![service.clone()];
    for _ in 0..3 {
        sandboxes.push(service.sandbox().await);
    }
    sandboxes
}

/// Without those that waited too long for the lock of the account: nothing of them is kept.
fn answered(replies: &[Reply]) -> std::collections::BTreeMap<String, usize> {
    let mut tally = tally(replies);
    let given_up = tally.remove("503 unavailable").unwrap_or(0);
    assert!(given_up < replies.len() - 5, "{given_up} given up");
    if let Some((_, most)) = tally.iter_mut().max_by_key(|(_, count)| **count) {
        *most += given_up;
    }
    tally
}

async fn verified(service: &Service, purpose: &str, phone: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(service.client().verified(purpose, phone).await);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_users_who_race_to_a_number_one_gets_it() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let users =
        [service.client().sign_up(PHONE).await, service.client().sign_up("+33611111111").await];
    let ids = verified(&service, "change-phone", NEW_PHONE, 50).await;
    let changes = ids.into_iter().enumerate().map(|(n, id)| {
        let (service, user) = (sandboxes[n % 4].clone(), users[n % 2].clone());
        async move { put_phone(&of(&service, &user), json!({ "verificationId": id })).await }
    });
    let expected = counts([("200", 1), ("409 account_exists", 49)]);
    assert_eq!(answered(&together(changes).await), expected);
    let has = format!("SELECT count(*) FROM auth.users_auth WHERE phone_number = '{NEW_PHONE}'");
    assert_eq!(service.count(&has).await, 1);
    assert_eq!(told(&service, "user.phone_changed").await, 1);
    // Two registrations, and the verification of the one change.
    assert_eq!(service.count("SELECT count(*) FROM auth.used_verifications").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_verification_changes_a_number_once() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let user = service.client().sign_up(PHONE).await;
    let id = service.client().verified("change-phone", NEW_PHONE).await;
    let changes = (0..50).map(|n| {
        let (service, user, id) = (sandboxes[n % 4].clone(), user.clone(), id.clone());
        async move { put_phone(&of(&service, &user), json!({ "verificationId": id })).await }
    });
    let expected = counts([("200", 1), ("400 verification_invalid", 49)]);
    assert_eq!(answered(&together(changes).await), expected);
    assert_eq!(told(&service, "user.phone_changed").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_deletions_at_once_one_deletes() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let user = service.client().sign_up(PHONE).await;
    let deletions = (0..50).map(|n| {
        let (service, user) = (sandboxes[n % 4].clone(), user.clone());
        async move { delete_account(&of(&service, &user), json!({})).await }
    });
    // A call whose connection was lost is repeated, and answers as if the other's work were its own.
    let mut tally = answered(&together(deletions).await);
    assert!(tally.remove("204").is_some_and(|deleted| deleted >= 1));
    assert!(tally.keys().all(|answer| answer == "401 session_ended"), "{tally:?}");
    assert_eq!(told(&service, "user.deleted").await, 1);
}

async fn start_over(service: &Service, id: &str) -> Reply {
    let body = json!({ "verificationId": id, "deviceId": "new", "startOver": true });
    service.client().post("/auth/v1/login", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_log_ins_that_start_over_at_once_one_makes_the_account() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let old = service.client().sign_up(PHONE).await;
    service.advance(DAY * 90);
    let ids = verified(&service, "login", PHONE, 50).await;
    let log_ins = ids.into_iter().enumerate().map(|(n, id)| {
        let service = sandboxes[n % 4].clone();
        async move { start_over(&service, &id).await }
    });
    let replies = together(log_ins).await;
    // The others log in to it.
    assert_eq!(answered(&replies), counts([("200", 50)]));
    let users: BTreeSet<String> = replies
        .iter()
        .filter(|reply| reply.status == 200)
        .map(|reply| Session::from_reply(reply).user)
        .collect();
    assert!(users.len() == 1 && !users.contains(&old.user), "{users:?}");
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 2);
    assert_eq!(told(&service, "user.phone_released").await, 1);
    assert_eq!(told(&service, "user.registered").await, 2);
    assert_eq!(
        service.count("SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_verification_starts_over_once() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let _ = service.client().sign_up(PHONE).await;
    service.advance(DAY * 90);
    let id = service.client().verified("login", PHONE).await;
    let log_ins = (0..50).map(|n| {
        let (service, id) = (sandboxes[n % 4].clone(), id.clone());
        async move { start_over(&service, &id).await }
    });
    let expected = counts([("200", 1), ("400 verification_invalid", 49)]);
    assert_eq!(answered(&together(log_ins).await), expected);
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 2);
}

/// A session that is used at the same moment keeps its account, or ends with it: never both.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_used_meanwhile_keeps_its_account() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    for round in 0..6 {
        let phone = format!("+3361111110{round}");
        let _ = service.client().sign_up(&phone).await;
        service.advance(DAY * 20);
        let old = service.client().log_in(&phone, "old").await;
        let idle = "UPDATE auth.devices SET last_active = last_active - interval '91 days';
                    UPDATE auth.sessions SET rotated_at = rotated_at - interval '91 days';
                    UPDATE auth.users_auth
                       SET last_authenticated_at = last_authenticated_at - interval '91 days'";
        service.sql(idle).await;
        let id = service.client().verified("login", &phone).await;
        let requests = (0..2).map(|n| {
            let (service, id, old) = (sandboxes[n].clone(), id.clone(), old.clone());
            async move {
                match n {
                    0 => start_over(&service, &id).await,
                    _ => service.client().refresh(&old.refresh).await,
                }
            }
        });
        let replies = together(requests).await;
        let entered = Session::from_reply(&replies[0].clone().expect(200));
        let is_refreshed = replies[1].status == 200;
        assert_eq!(entered.user == old.user, is_refreshed, "round {round}: {}", replies[1].json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_verification_undoes_once() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let owner = service.client().sign_up(PHONE).await;
    service.advance(DAY * 8);
    let thief = service.client().log_in(PHONE, "thief").await;
    let _ = super::locked(&service, &thief).await;
    let ids = verified(&service, "login", PHONE, 50).await;
    let undos = ids.into_iter().enumerate().map(|(n, id)| {
        let (service, token) = (sandboxes[n % 4].clone(), owner.refresh.clone());
        async move {
            let body = json!({ "verificationId": id, "previousToken": token });
            service.client().post("/auth/v1/account/undo", body).await
        }
    });
    let expected = counts([("204", 1), ("404 undo_not_found", 49)]);
    assert_eq!(answered(&together(undos).await), expected);
    assert_eq!(super::security_events(&service, "change_undone").await, 1);
}

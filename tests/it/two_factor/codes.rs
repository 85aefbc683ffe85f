//! Which codes are right, and that each is good once.

use super::{Owner, PHONE, STEP, log_in, log_in_by, post, set_up, unlimited};
use domain::hex::hex;
use serde_json::json;
use std::time::Duration;
use tests::race::{tally, together};
use tests::{Authenticator, Reply, Service, Session};

fn step(service: &Service) -> i64 {
    service.now().seconds() / 30
}

#[tokio::test]
async fn the_codes_of_the_steps_beside_are_right_and_no_others() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    service.advance(Duration::from_mins(5));
    let now = step(&service);
    for off in [-2, 2, -3, 3] {
        assert!(!owner.verifies(&owner.app.of_step(now + off)).await, "{off}");
    }
    // A step that was passed over is not good any more, once a later one was used.
    assert!(owner.verifies(&owner.app.of_step(now - 1)).await);
    assert!(owner.verifies(&owner.app.of_step(now + 1)).await);
    for off in [-1, 0, 1] {
        assert!(!owner.verifies(&owner.app.of_step(now + off)).await, "{off}");
    }
    service.advance(STEP);
    assert!(!owner.verifies(&owner.code()).await, "it was used a step too early");
    service.advance(STEP);
    assert!(owner.verifies(&owner.code()).await);
}

#[tokio::test]
async fn the_code_that_enables_is_spent() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = service.client().bearer(&session.access);
    let app = set_up(&client).await;
    let token = app.at(service.now());
    let _ = post(&client, "enable", json!({ "token": token })).await.expect(200);
    let reply = post(&client, "verify", json!({ "token": token })).await.expect(200);
    assert_eq!(reply.json(), json!({ "valid": false }));
    post(&client, "disable", json!({ "token": token })).await.refused(401, "two_factor_invalid");
    log_in(&service.client(), "phone-2", Some(&token)).await.refused(401, "two_factor_invalid");
    // Nor does it serve the next second factor: a step is accepted once per account.
    let next = app.of_step(step(&service) + 1);
    let _ = post(&client, "disable", json!({ "token": next })).await.expect(200);
    let app = set_up(&client).await;
    let body = json!({ "token": app.at(service.now()) });
    post(&client, "enable", body).await.refused(401, "two_factor_invalid");
    service.advance(STEP * 2);
    let _ = post(&client, "enable", json!({ "token": app.at(service.now()) })).await.expect(200);
}

/// The secret of RFC 6238 has one code in this step and the next.
const EQUAL: i64 = 62_075_368;

#[tokio::test]
async fn equal_codes_of_neighbouring_steps_are_good_once() {
    let service = unlimited().await;
    let before = u64::try_from(EQUAL - 2 - step(&service)).expect("a step to come");
    service.advance(STEP * u32::try_from(before).unwrap());
    let owner = Owner::new(&service).await;
    service.advance(STEP);
    let secret = b"12345678901234567890";
    let user = domain::ids::UserId::from_uuid(owner.session.user.parse().unwrap());
    let keys = service.state.two_factor.second_factor.data_keys.load();
    let stored = keys.encrypt(user, secret, service.state.core.rng).unwrap();
    let hex = hex(&stored);
    service.sql(&format!("UPDATE auth.users_auth SET two_factor_secret = '\\x{hex}'")).await;
    let owner = Owner { app: Authenticator::new(secret.to_vec()), ..owner };
    assert_eq!(step(&service), EQUAL);
    assert_eq!(owner.app.of_step(EQUAL), owner.app.of_step(EQUAL + 1));
    // Whoever saw it has nothing to use in the next step.
    assert!(owner.verifies(&owner.code()).await);
    service.advance(STEP);
    assert!(!owner.verifies(&owner.code()).await);
    service.advance(STEP);
    assert!(owner.verifies(&owner.code()).await);
}

fn is_taken(reply: &Reply) -> bool {
    reply.status == 200 && reply.json()["valid"] != false
}

/// From several sandboxes, by several routes.
async fn tried_at_once(owner: &Owner, token: &str) -> Vec<Reply> {
    let service = &owner.service;
    let mut sandboxes = vec![service.clone()];
    for _ in 0..3 {
        sandboxes.push(service.sandbox().await);
    }
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(service.client().verified("login", PHONE).await);
    }
    let requests = (0..50).map(|n| {
        let (client, token) = (sandboxes[n % 4].client(), token.to_owned());
        let (access, id) = (owner.session.access.clone(), ids[n / 5].clone());
        async move {
            if n % 5 == 0 {
                log_in_by(&client, &id, "phone-2", Some(&token)).await
            } else {
                post(&client.bearer(&access), "verify", json!({ "token": token })).await
            }
        }
    });
    together(requests).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_code_is_taken_once_by_fifty_requests_at_once() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    for round in 0..6 {
        let is_totp = round % 2 == 0;
        let token = if is_totp { owner.code() } else { owner.backup_codes[round].clone() };
        let before = owner.remaining().await;
        let replies = tried_at_once(&owner, &token).await;
        let taken = replies.iter().filter(|reply| is_taken(reply)).count();
        assert_eq!(taken, 1, "round {round}: {:?}", tally(&replies));
        // Those that came too late were told so, or to wait while others were being compared.
        let is_told = |reply: &Reply| [200, 401, 429].contains(&reply.status.as_u16());
        assert!(replies.iter().all(is_told), "round {round}: {:?}", tally(&replies));
        assert_eq!(owner.remaining().await, before - i64::from(!is_totp));
        // A right code locks nothing, however often it comes.
        service.advance(STEP);
        assert!(owner.verifies(&owner.code()).await, "round {round}");
        service.advance(STEP);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_enablings_one_succeeds() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let session = service.client().sign_up(PHONE).await;
    let app = set_up(&service.client().bearer(&session.access)).await;
    let token = app.at(service.now());
    let requests = (0..4).map(|n| {
        let service = if n % 2 == 0 { &service } else { &sandbox };
        let (client, token) = (service.client().bearer(&session.access), token.clone());
        async move { post(&client, "enable", json!({ "token": token })).await }
    });
    let replies = together(requests).await;
    let succeeded: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(succeeded.len(), 1, "{:?}", tally(&replies));
    assert_eq!(service.count("SELECT count(*) FROM auth.backup_codes").await, 10);
    // The codes that were shown are those that are stored.
    service.advance(STEP);
    let backup_codes = super::codes(succeeded[0]);
    let owner = Owner { service: service.clone(), session, app, backup_codes };
    assert!(owner.verifies(&owner.backup_codes[9]).await);
}

#[tokio::test]
async fn a_backup_code_is_good_once_as_users_type_it() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let typed: [fn(&str) -> String; 3] =
        [str::to_owned, |code| code.replace('-', ""), |code| code.to_ascii_lowercase()];
    for (n, typed) in typed.into_iter().enumerate() {
        let code = typed(&owner.backup_codes[n]);
        assert!(owner.verifies(&code).await, "{code}");
        assert!(!owner.verifies(&code).await, "{code}");
        assert!(!owner.verifies(&owner.backup_codes[n]).await);
    }
    assert_eq!(owner.remaining().await, 7);
    // Whoever logs in by one has joined with more than the number.
    let reply = log_in(&service.client(), "phone-2", Some(&owner.backup_codes[5])).await;
    let session = Session::from_reply(&reply.expect(200));
    assert_eq!(owner.remaining().await, 6);
    let joined = format!("SELECT joined FROM auth.devices WHERE id = '{}'", session.device);
    assert_eq!(service.rows(&joined).await[0]["joined"], "proven");
}

/// A set of one account is nothing in another.
#[tokio::test]
async fn a_code_is_good_for_its_own_account() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let other = service.client().sign_up("+33698765432").await;
    let other = Owner::of(&service, other).await;
    assert!(!other.verifies(&owner.code()).await);
    assert!(!other.verifies(&owner.backup_codes[0]).await);
    // Not even with the secret of the other in its row.
    let swap = format!(
        "UPDATE auth.users_auth SET two_factor_secret =
           (SELECT two_factor_secret FROM auth.users_auth WHERE id = '{}') WHERE id = '{}'",
        owner.session.user, other.session.user
    );
    service.sql(&swap).await;
    let next = owner.app.of_step(step(&service) + 1);
    other.post("verify", &next).await.refused(500, "internal");
    assert!(owner.verifies(&owner.code()).await && owner.verifies(&owner.backup_codes[0]).await);
}

#[tokio::test]
async fn a_secret_moves_to_the_current_key_when_it_is_used() {
    let keys = local::service::new_keys()["DATA_KEYS"].clone();
    let service = Service::with(&[("RATE_LIMITS", "off"), ("DATA_KEYS", &keys)]).await;
    let owner = Owner::new(&service).await;
    let stored = "SELECT encode(substring(two_factor_secret FOR 8), 'escape') AS key
                    FROM auth.users_auth";
    let first = service.rows(stored).await;
    let rotate = |keys: &str| local::service::rotated_data_keys(keys).unwrap()["DATA_KEYS"].clone();
    // The next key is announced, then it is the current one.
    let second = rotate(&rotate(&keys));
    let later = service.with_more(&[("DATA_KEYS", &second)]).await;
    let owner = Owner { service: later.clone(), ..owner };
    assert!(owner.verifies(&owner.code()).await);
    assert_ne!(later.rows(stored).await, first);
    service.advance(STEP);
    assert!(owner.verifies(&owner.code()).await);
    // Without the key, nothing is right, and nothing is shown.
    let without = local::service::new_keys()["DATA_KEYS"].clone();
    let without = service.with_more(&[("DATA_KEYS", &without)]).await;
    let owner = Owner { service: without, ..owner };
    owner.post("verify", "123456").await.refused(500, "internal");
    // A backup code needs no data key.
    assert!(owner.verifies(&owner.backup_codes[0]).await);
}

/// The maintenance moves those that nobody uses.
#[tokio::test]
async fn a_secret_that_is_not_used_moves_to_the_current_key_too() {
    let keys = local::service::new_keys()["DATA_KEYS"].clone();
    let service = Service::with(&[("RATE_LIMITS", "off"), ("DATA_KEYS", &keys)]).await;
    let owner = Owner::new(&service).await;
    let rotate = |keys: &str| local::service::rotated_data_keys(keys).unwrap()["DATA_KEYS"].clone();
    let renew = async |keys: &str| {
        let service = service.with_more(&[("DATA_KEYS", keys)]).await;
        let keys = &service.state.two_factor.second_factor.data_keys;
        shared::maintenance::renew_secrets(&service.state.core, keys).await.unwrap()
    };
    let announced = rotate(&keys);
    assert_eq!(renew(&announced).await, 0, "the key of before is the current one");
    let second = rotate(&announced);
    assert_eq!(renew(&second).await, 1);
    assert_eq!(renew(&second).await, 0);
    // The first key is not needed any more.
    let stored: serde_json::Value = serde_json::from_str(&second).unwrap();
    let alone = serde_json::json!({ "current": stored["current"] }).to_string();
    let later = service.with_more(&[("DATA_KEYS", &alone)]).await;
    let owner = Owner { service: later, ..owner };
    assert!(owner.verifies(&owner.code()).await);
    // What cannot be read stays.
    let lost = rotate(&rotate(&local::service::new_keys()["DATA_KEYS"]));
    assert_eq!(renew(&lost).await, 0);
    service.advance(STEP);
    assert!(owner.verifies(&owner.code()).await);
}

//! Wrong codes, and the lock that they lead to.

use super::{Owner, PHONE, STEP, log_in, log_in_by, post, unlimited};
use serde_json::json;
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Reply, Service, Session};

const MINUTE: Duration = Duration::from_mins(1);

fn wait(reply: &Reply) -> u64 {
    let seconds = reply.json()["retryAfterSeconds"].as_u64().expect("a wait");
    assert_eq!(reply.header("retry-after"), Some(seconds.to_string().as_str()));
    seconds
}

/// Five wrong codes.
async fn lock(owner: &Owner) {
    for wrong in owner.wrong().take(5) {
        assert!(!owner.verifies(&wrong).await);
    }
}

/// Lets time pass; the access token stays good.
async fn pass(owner: &mut Owner, time: Duration) {
    owner.service.advance(time);
    owner.refresh().await;
}

#[tokio::test]
async fn five_wrong_codes_lock_for_a_quarter_of_an_hour_and_twice_as_long_each_time() {
    let service = unlimited().await;
    let mut owner = Owner::new(&service).await;
    for (n, minutes) in [15, 30, 60, 120, 240, 480, 960, 1440, 1440].into_iter().enumerate() {
        lock(&owner).await;
        // The right code too, on every route, by log-in as well.
        let seconds = minutes * 60;
        let reply = owner.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
        assert_eq!(wait(&reply), seconds, "lock {n}");
        owner.post("disable", &owner.code()).await.refused(429, "two_factor_locked");
        let code = &owner.backup_codes[0];
        owner.post("backup-codes/use", code).await.refused(429, "two_factor_locked");
        let reply = log_in(&service.client(), "phone-2", Some(&owner.code())).await;
        reply.refused(429, "two_factor_locked");
        assert_eq!(owner.remaining().await, 10);
        pass(&mut owner, Duration::from_millis(seconds * 1000 - 1)).await;
        let reply = owner.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
        assert_eq!(wait(&reply), 1);
        pass(&mut owner, Duration::from_millis(1)).await;
    }
    // A right code forgets all of them.
    assert!(owner.verifies(&owner.code()).await);
    lock(&owner).await;
    let reply = owner.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
    assert_eq!(wait(&reply), 15 * 60);
    // Nine locks and one more, each with its refusals; the code that enabled it and this one.
    service.advance(Duration::from_secs(5));
    let _ = service.client().get("/auth/v1/health/ready").await;
    let _ = owner.is_enabled().await;
    let text = service.client().get("/metrics").await.expect(200);
    let text = String::from_utf8(text.body).unwrap();
    for (result, count) in [("right", 2), ("wrong", 50), ("locked", 9 * 5 + 1)] {
        let line = format!("auth_second_factor_attempts_total{{result=\"{result}\"}} {count}");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[tokio::test]
async fn wrong_codes_count_for_a_quarter_of_an_hour_and_a_right_one_forgets_them() {
    let service = unlimited().await;
    let mut owner = Owner::new(&service).await;
    let mut wrong = owner.wrong();
    for _ in 0..4 {
        assert!(!owner.verifies(&wrong.next().unwrap()).await);
    }
    // Fifteen minutes after the first four, one more is the first.
    pass(&mut owner, 15 * MINUTE).await;
    for wrong in owner.wrong().take(4) {
        assert!(!owner.verifies(&wrong).await);
    }
    assert!(owner.verifies(&owner.code()).await);
    for wrong in owner.wrong().skip(10).take(4) {
        assert!(!owner.verifies(&wrong).await);
    }
    pass(&mut owner, Duration::from_millis(15 * 60_000 - 1)).await;
    let fifth = owner.wrong().next().unwrap();
    assert!(!owner.verifies(&fifth).await);
    owner.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_wrong_codes_at_once_five_are_compared() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let mut sandboxes = vec![service.clone()];
    for _ in 0..3 {
        sandboxes.push(service.sandbox().await);
    }
    let wrong: Vec<String> = owner.wrong().take(30).collect();
    let requests = wrong.into_iter().enumerate().map(|(n, token)| {
        let client = sandboxes[n % 4].client().bearer(&owner.session.access);
        async move { post(&client, "disable", json!({ "token": token })).await }
    });
    let replies = together(requests).await;
    let expected = counts([("401 two_factor_invalid", 5), ("429 two_factor_locked", 25)]);
    assert_eq!(tally(&replies), expected);
    owner.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
}

/// Log-ins and bearer routes have one count of the account.
#[tokio::test]
async fn wrong_codes_of_log_ins_lock_too_and_the_verification_stays_usable() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let client = service.client();
    let id = client.verified("login", PHONE).await;
    let mut wrong = owner.wrong();
    for _ in 0..3 {
        let token = wrong.next().unwrap();
        let reply = log_in_by(&client, &id, "phone-2", Some(&token)).await;
        reply.refused(401, "two_factor_invalid");
    }
    for _ in 0..2 {
        assert!(!owner.verifies(&wrong.next().unwrap()).await);
    }
    let reply = log_in_by(&client, &id, "phone-2", Some(&owner.code())).await;
    reply.refused(429, "two_factor_locked");
    // Without a code nothing is counted, and nothing is opened.
    log_in_by(&client, &id, "phone-2", None).await.refused(403, "two_factor_required");
    service.advance(15 * MINUTE);
    let reply = log_in(&client, "phone-2", Some(&owner.code())).await;
    let _ = reply.expect(200);
}

/// What another session gets right does not give this one more tries.
#[tokio::test]
async fn a_session_has_its_own_count_beside_that_of_the_account() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let other = log_in(&service.client(), "phone-2", Some(&owner.code())).await.expect(200);
    let other = Session::from_reply(&other);
    let thief = service.client().bearer(&other.access);
    let mut wrong = owner.wrong();
    for _ in 0..5 {
        service.advance(STEP);
        let body = json!({ "token": wrong.next().unwrap() });
        assert_eq!(post(&thief, "verify", body).await.expect(200).json()["valid"], false);
        // The owner uses the account in between.
        assert!(owner.verifies(&owner.code()).await);
    }
    service.advance(STEP);
    let body = json!({ "token": owner.code() });
    post(&thief, "verify", body).await.refused(429, "two_factor_locked");
    assert!(owner.verifies(&owner.code()).await);
}

/// The shipped app refreshes after a 401 and sends the same again.
#[tokio::test]
async fn the_same_wrong_code_is_counted_once_in_thirty_seconds_also_across_a_refresh() {
    let service = unlimited().await;
    let mut owner = Owner::new(&service).await;
    let wrong = owner.wrong().next().unwrap();
    for _ in 0..10 {
        owner.post("disable", &wrong).await.refused(401, "two_factor_invalid");
        owner.refresh().await;
    }
    // Later it is one more guess.
    for _ in 0..4 {
        service.advance(Duration::from_secs(30));
        owner.refresh().await;
        owner.post("disable", &wrong).await.refused(401, "two_factor_invalid");
    }
    owner.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
}

#[tokio::test]
async fn right_codes_that_were_used_are_not_counted() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let (code, backup) = (owner.code(), owner.backup_codes[0].clone());
    assert!(owner.verifies(&code).await && owner.verifies(&backup).await);
    for _ in 0..4 {
        for used in [&code, &backup] {
            assert!(!owner.verifies(used).await);
            owner.post("disable", used).await.refused(401, "two_factor_invalid");
        }
        let reply = log_in(&service.client(), "phone-2", Some(&code)).await;
        reply.refused(401, "two_factor_invalid");
    }
    assert!(owner.verifies(&owner.backup_codes[1]).await);
}

#[tokio::test]
async fn guesses_at_a_pending_secret_are_counted_alike() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = service.client().bearer(&session.access);
    let app = super::set_up(&client).await;
    for wrong in app.wrong(service.now()).take(5) {
        let body = json!({ "token": wrong });
        post(&client, "enable", body).await.refused(401, "two_factor_invalid");
    }
    let body = json!({ "token": app.at(service.now()) });
    post(&client, "enable", body).await.refused(429, "two_factor_locked");
}

/// Nothing is compared that is not counted.
#[tokio::test]
async fn without_redis_no_code_is_right() {
    let service = unlimited().await;
    let owner = Owner::new(&service).await;
    let id = service.client().verified("login", PHONE).await;
    let down = ("REDIS_URL", "redis://127.0.0.1:1/");
    let without = service.with_more(&[down]).await;
    let before = service.rows("SELECT two_factor_last_step FROM auth.users_auth").await;
    let client = without.client().bearer(&owner.session.access);
    let body = json!({ "token": owner.code() });
    for route in ["verify", "disable", "backup-codes"] {
        post(&client, route, body.clone()).await.refused(503, "unavailable");
    }
    log_in_by(&without.client(), &id, "phone-2", Some(&owner.code()))
        .await
        .refused(503, "unavailable");
    assert_eq!(service.rows("SELECT two_factor_last_step FROM auth.users_auth").await, before);
    assert!(owner.verifies(&owner.code()).await);
}

/// What a script leaves behind expires.
#[tokio::test]
async fn every_record_has_an_end() {
    let service = Service::start().await;
    let owner = Owner::new(&service).await;
    lock(&owner).await;
    let mut redis = service.redis().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("two_factor:*").query_async(&mut redis).await.unwrap();
    assert_eq!(keys.len(), 2, "of the account and of the session");
    for key in keys {
        let ttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
        assert!(ttl > 29 * 24 * 3_600_000, "{key}: {ttl}");
    }
}

//! The lock of a number: wrong codes are counted over all of its verifications.

use serde_json::json;
use std::time::Duration;
use tests::race::together;
use tests::{Client, Service};

const PHONE: &str = "+33612345678";

/// Enters wrong codes into a new verification.
async fn guess(client: &Client, times: u32) {
    let (id, code) = client.start("login", PHONE).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..times {
        client.confirm("login", &id, wrong).await.refused(400, "code_incorrect");
    }
}

/// The right code of a new verification.
async fn right(client: &Client) -> tests::Reply {
    let (id, code) = client.start("login", PHONE).await;
    client.confirm("login", &id, &code).await
}

async fn service() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

#[tokio::test]
async fn thirty_wrong_codes_lock_a_number_for_the_hour() {
    let service = service().await;
    let client = service.client();
    for _ in 0..6 {
        guess(&client, 5).await;
    }
    let reply = right(&client).await;
    reply.clone().refused(429, "phone_locked");
    assert_eq!(reply.header("retry-after"), Some("3600"));
    service.advance(Duration::from_mins(59));
    right(&client).await.refused(429, "phone_locked");
    service.advance(Duration::from_mins(1));
    let _ = right(&client).await.expect(200);
}

#[tokio::test]
async fn fifty_wrong_codes_lock_it_for_the_day() {
    let service = service().await;
    let client = service.client();
    for _ in 0..5 {
        guess(&client, 5).await;
        guess(&client, 5).await;
        service.advance(Duration::from_hours(1));
    }
    right(&client).await.refused(429, "phone_locked");
    service.advance(Duration::from_hours(18));
    right(&client).await.refused(429, "phone_locked");
    service.advance(Duration::from_hours(1));
    let _ = right(&client).await.expect(200);
}

#[tokio::test]
async fn after_a_hundred_in_a_row_ten_a_day_are_left_until_one_is_right() {
    let service = service().await;
    let client = service.client();
    for _ in 0..2 {
        for _ in 0..10 {
            guess(&client, 5).await;
            service.advance(Duration::from_hours(1));
        }
        service.advance(Duration::from_hours(24));
    }
    guess(&client, 5).await;
    guess(&client, 5).await;
    right(&client).await.refused(429, "phone_locked");
    service.advance(Duration::from_hours(24));
    let _ = right(&client).await.expect(200);
    // The streak is over: more than ten again.
    for _ in 0..3 {
        guess(&client, 5).await;
    }
    let _ = right(&client).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_guesses_over_many_verifications_thirty_are_evaluated() {
    let service = service().await;
    let client = service.client();
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(client.start("login", PHONE).await);
    }
    let guesses = (0..500).map(|n| {
        let (id, code) = ids[n % ids.len()].clone();
        let client = client.clone();
        async move {
            let wrong = if code == "000000" { "000001" } else { "000000" };
            client.confirm("login", &id, wrong).await
        }
    });
    let replies = together(guesses).await;
    let evaluated = replies.iter().filter(|reply| reply.code() == "code_incorrect").count();
    assert_eq!(evaluated, 30);
    let refused = |code| replies.iter().filter(|reply| reply.code() == code).count();
    assert_eq!(refused("phone_locked") + refused("too_many_attempts"), 470);
}

#[tokio::test]
async fn a_stranger_does_not_lock_the_owner_out() {
    let service = service().await;
    let owner = service.client();
    let session = owner.sign_up(PHONE).await;
    for _ in 0..6 {
        guess(&owner, 5).await;
    }
    right(&owner).await.refused(429, "phone_locked");
    let body = json!({ "phoneNumber": PHONE, "previousToken": session.refresh });
    let reply = owner.post("/auth/v1/verify/login/request", body).await.expect(200);
    let id = reply.json()["verificationId"].as_str().unwrap().to_owned();
    let code = owner.last_code(PHONE).await;
    let _ = owner.confirm("login", &id, &code).await.expect(200);
}

#[tokio::test]
async fn the_lock_is_one_event_and_the_same_work_for_known_and_unknown() {
    let mut work = Vec::new();
    for known in [true, false] {
        let service = service().await;
        let client = service.client();
        if known {
            let _ = client.sign_up(PHONE).await;
        }
        for _ in 0..5 {
            guess(&client, 5).await;
        }
        let before =
            (service.state.core.store.round_trips(), service.state.core.cache.round_trips());
        guess(&client, 5).await;
        let after =
            (service.state.core.store.round_trips(), service.state.core.cache.round_trips());
        work.push((after.0 - before.0, after.1 - before.1));
        right(&client).await.refused(429, "phone_locked");
        let query = "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
                        AND payload->>'entry' LIKE '%phone_locked%'";
        assert_eq!(service.count(query).await, i64::from(known));
    }
    assert_eq!(work[0], work[1]);
}

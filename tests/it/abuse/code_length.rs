//! The length of codes: guessing makes the codes of a number longer and locks nobody out.

mod history;

use domain::verification::CodeLength;
use serde_json::{Value, json};
use std::time::Duration;
use tests::race::together;
use tests::{Client, Reply, Service};

use super::elsewhere;
use crate::verify::{resend, status, wrong_codes};

const PHONE: &str = "+33612345678";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A verification that was started: its id, its code, and how many digits that has.
struct Running {
    id: String,
    code: String,
    length: u64,
}

async fn ask(client: &Client, body: Value) -> Reply {
    client.post("/auth/v1/verify/login/request", body).await
}

async fn start_with(client: &Client, body: Value) -> Running {
    let reply = ask(client, body).await.expect(200).json();
    let id = reply["verificationId"].as_str().unwrap().to_owned();
    let code = client.last_code(PHONE).await;
    let length = reply["codeLength"].as_u64().unwrap();
    assert_eq!(code.len() as u64, length);
    Running { id, code, length }
}

async fn start(client: &Client) -> Running {
    start_with(client, json!({ "phoneNumber": PHONE })).await
}

/// Uses up the attempts of a new verification. Gives the length of its code.
async fn guess(client: &Client) -> u64 {
    let running = start(client).await;
    for wrong in wrong_codes(&running.code).take(5) {
        client.confirm("login", &running.id, &wrong).await.refused(400, "code_incorrect");
    }
    running.length
}

/// A service whose numbers may get any number of codes.
async fn service(variables: &[(&str, &str)]) -> Service {
    let lifted = [
        ("SMS_RATE_LIMIT_PER_MINUTE", "1000"),
        ("SMS_RATE_LIMIT_PER_HOUR", "10000"),
        ("RATE_LIMIT_PHONE_PREFIX", "1000000/1"),
        ("RATE_LIMIT_SEND_ADDRESS", "1000000/1"),
        ("RATE_LIMIT_PUBLIC_ADDRESS", "1000000/1"),
    ];
    Service::with(&[&lifted, variables].concat()).await
}

async fn events(service: &Service, event: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM auth.outbox WHERE topic = 'audit' AND payload->>'entry' LIKE '%\"{event}\"%'"
    );
    service.count(&query).await
}

#[tokio::test]
async fn the_seventh_of_an_hour_and_the_eleventh_of_a_day_have_ten_digits() {
    let service = service(&[]).await;
    let client = service.client();
    let mut lengths = Vec::new();
    for _ in 0..7 {
        lengths.push(start(&client).await.length);
    }
    service.advance(HOUR);
    for _ in 0..5 {
        lengths.push(start(&client).await.length);
    }
    assert_eq!(lengths, [6, 6, 6, 6, 6, 6, 10, 6, 6, 6, 6, 10]);
    service.advance(23 * HOUR);
    assert_eq!(start(&client).await.length, 6);
}

#[tokio::test]
async fn a_code_of_ten_digits_works_as_one_of_six() {
    let service = service(&[]).await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    for _ in 0..5 {
        start(&client).await;
    }
    let long = start(&client).await;
    assert_eq!(long.length, 10);
    let state = status(&client, &long.id).await.expect(200).json();
    assert_eq!(state["codeLength"], 10);
    let wrong = wrong_codes(&long.code).next().unwrap();
    client.confirm("login", &long.id, &wrong).await.refused(400, "code_incorrect");
    service.advance(Duration::from_secs(30));
    // The hour of the others is not over, and later it would not matter.
    service.advance(HOUR / 6);
    let resent = resend(&client, &long.id).await.expect(200).json();
    assert_eq!((&resent["codeLength"], &resent["attemptsLeft"]), (&10.into(), &4.into()));
    client.confirm("login", &long.id, &long.code).await.refused(400, "code_incorrect");
    let code = client.last_code(PHONE).await;
    let _ = client.confirm("login", &long.id, &code).await.expect(200);
    let login = json!({ "verificationId": long.id });
    let _ = client.post("/auth/v1/login", login).await.expect(200);
}

#[tokio::test]
async fn a_code_of_another_length_is_refused_and_not_counted() {
    let service = service(&[]).await;
    let client = service.client();
    let short = start(&client).await;
    for _ in 0..5 {
        start(&client).await;
    }
    let long = start(&client).await;
    for (running, other) in [(&short, "0123456789"), (&long, "012345")] {
        for _ in 0..7 {
            client.confirm("login", &running.id, other).await.refused(422, "code_length_other");
        }
        for malformed in ["0", "01234567", "01234567890", "12345x"] {
            let reply = client.confirm("login", &running.id, malformed).await;
            reply.refused(400, "validation_failed");
        }
        assert_eq!(status(&client, &running.id).await.json()["attemptsLeft"], 5);
        let _ = client.confirm("login", &running.id, &running.code).await.expect(200);
    }
}

#[tokio::test]
async fn a_hundred_wrong_codes_in_a_year_make_codes_longer_and_a_right_one_changes_nothing() {
    let service = service(&[]).await;
    let client = service.client();
    for _ in 0..10 {
        for _ in 0..2 {
            assert_eq!(guess(&client).await, 6);
        }
        service.advance(DAY);
    }
    for _ in 0..2 {
        let long = start(&client).await;
        assert_eq!(long.length, 10);
        let _ = client.confirm("login", &long.id, &long.code).await.expect(200);
    }
    service.advance(355 * DAY);
    assert_eq!(guess(&client).await, 6, "the ten of the first day are over");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_requests_six_have_six_digits() {
    let service = service(&[]).await;
    let requests = (0..60).map(|n| {
        let client = service.client_at(elsewhere(n));
        async move { ask(&client, json!({ "phoneNumber": PHONE })).await }
    });
    let replies = together(requests).await;
    let of =
        |length: u64| replies.iter().filter(|reply| reply.json()["codeLength"] == length).count();
    assert_eq!((of(6), of(10)), (6, 54));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_wrong_codes_are_all_remembered() {
    let service = service(&[]).await;
    let client = service.client();
    // 6 of 6 digits, 20 of 10: with 130 wrong codes the next day has no short ones.
    let mut running = Vec::new();
    for _ in 0..26 {
        running.push(start(&client).await);
    }
    let guesses = running.iter().flat_map(|running| {
        let guesses: Vec<_> = wrong_codes(&running.code).take(8).collect();
        guesses.into_iter().map(|guess| (running.id.clone(), guess))
    });
    let guesses: Vec<_> = guesses
        .map(|(id, guess)| {
            let client = client.clone();
            async move { client.confirm("login", &id, &guess).await }
        })
        .collect();
    let replies = together(guesses).await;
    let evaluated = replies.iter().filter(|reply| reply.code() == "code_incorrect").count();
    assert_eq!(evaluated, 26 * 5);
    service.advance(DAY);
    assert_eq!(start(&client).await.length, 10);
}

#[tokio::test]
async fn too_many_attempts_say_that_a_new_verification_works_at_once() {
    let service = service(&[]).await;
    let client = service.client();
    let running = start(&client).await;
    for wrong in wrong_codes(&running.code).take(5) {
        client.confirm("login", &running.id, &wrong).await.refused(400, "code_incorrect");
    }
    let reply = client.confirm("login", &running.id, &running.code).await;
    let reply = reply.refused(429, "too_many_attempts");
    assert_eq!(reply.header("retry-after"), Some("1"));
    let reply = resend(&client, &running.id).await.refused(429, "too_many_attempts");
    assert_eq!(reply.json()["retryAfterSeconds"], 1);
    let next = start(&client).await;
    let _ = client.confirm("login", &next.id, &next.code).await.expect(200);
}

#[tokio::test]
async fn a_client_of_six_digits_is_told_to_wait_instead_of_getting_ten() {
    let service = service(&[]).await;
    let client = service.client();
    let six = json!({ "phoneNumber": PHONE, "maxCodeLength": 6 });
    for _ in 0..6 {
        assert_eq!(start_with(&client, six.clone()).await.length, 6);
    }
    let sent = service.inbox().await.len();
    service.advance(HOUR / 2);
    let reply = ask(&client, six.clone()).await.refused(429, "phone_locked");
    assert_eq!(reply.header("retry-after"), Some("1800"));
    assert_eq!(service.inbox().await.len(), sent, "nothing is sent");
    assert_eq!(start(&client).await.length, 10);
    service.advance(HOUR / 2);
    assert_eq!(start_with(&client, six).await.length, 6);
    for bad in [json!(5), json!(33), json!("6"), json!(-1)] {
        let body = json!({ "phoneNumber": PHONE, "maxCodeLength": bad });
        ask(&client, body).await.refused(400, "validation_failed");
    }
}

#[tokio::test]
async fn shipped_clients_get_ten_a_day_and_two_after_twenty_without_a_right_code() {
    let service = service(&[("LEGACY_CLIENTS", "true")]).await;
    let client = service.client();
    // The verification of the sign-up is of the other purpose and the same number.
    let _ = client.sign_up(PHONE).await;
    service.advance(DAY);
    let body = json!({ "phoneNumber": PHONE });
    for day in 0..2 {
        for _ in 0..10 {
            assert_eq!(guess(&client).await, 6, "wrong codes alone change nothing");
        }
        let reply = ask(&client, body.clone()).await.refused(429, "phone_locked");
        assert_eq!(reply.header("retry-after"), Some("86400"), "{day}");
        service.advance(DAY);
    }
    for _ in 0..2 {
        assert_eq!(guess(&client).await, 6);
    }
    ask(&client, body.clone()).await.refused(429, "phone_locked");
    // Who says that it takes ten digits gets in.
    let long = json!({ "phoneNumber": PHONE, "maxCodeLength": 10 });
    let running = start_with(&client, long).await;
    assert_eq!(running.length, 10);
    let _ = client.confirm("login", &running.id, &running.code).await.expect(200);
    for _ in 0..8 {
        assert_eq!(start(&client).await.length, 6, "the right code ended the streak");
    }
    ask(&client, body).await.refused(429, "phone_locked");
    assert_eq!(events(&service, "phone_locked").await, 4);
}

#[tokio::test]
async fn passing_the_marks_is_one_event_and_the_same_work_for_known_and_unknown() {
    let mut work = Vec::new();
    for known in [true, false] {
        let service = service(&[]).await;
        let client = service.client();
        if known {
            let _ = client.sign_up(PHONE).await;
            service.advance(DAY);
        }
        for _ in 0..6 {
            start(&client).await;
        }
        let trips =
            || (service.state.core.store.round_trips(), service.state.core.cache.round_trips());
        let before = trips();
        for _ in 0..3 {
            assert_eq!(
                ask(&client, json!({ "phoneNumber": PHONE })).await.json()["codeLength"],
                10
            );
        }
        let after = trips();
        work.push((after.0 - before.0, after.1 - before.1));
        assert_eq!(events(&service, "codes_lengthened").await, i64::from(known));
        service.advance(HOUR);
        for _ in 0..5 {
            start(&client).await;
        }
        assert_eq!(events(&service, "codes_lengthened").await, 2 * i64::from(known));
    }
    assert_eq!(work[0], work[1]);
}

#[tokio::test]
async fn a_stranger_does_not_lengthen_the_codes_of_an_owner_with_an_earlier_token() {
    let service = service(&[]).await;
    let owner = service.client();
    let session = owner.sign_up(PHONE).await;
    for _ in 0..6 {
        let _ = guess(&owner).await;
    }
    assert_eq!(start(&owner).await.length, 10);
    let body = json!({ "phoneNumber": PHONE, "previousToken": session.refresh });
    let running = start_with(&owner, body).await;
    assert_eq!(running.length, 6);
    let _ = owner.confirm("login", &running.id, &running.code).await.expect(200);
}

#[tokio::test]
async fn a_code_that_was_not_sent_counts_for_nothing() {
    let failing = service(&super::UNREACHABLE_SENDER).await;
    for _ in 0..30 {
        let reply = ask(&failing.client(), json!({ "phoneNumber": PHONE })).await;
        reply.refused(502, "sms_failed");
    }
    let working = Service::over(failing.stores.clone(), &[]).await;
    let keys = crate::verify::keys(&failing, "rate_limit:code_history:*").await;
    let mut redis = working.redis().await;
    let fields: Vec<String> =
        redis::cmd("HVALS").arg(&keys[0]).query_async(&mut redis).await.unwrap();
    assert_eq!(fields, ["0 0||"]);
}

/// 400 days of attack. Strangers take what the number's limits give, twice a day, and use every
/// attempt. The owner logs in once a day, with and without an earlier token.
#[tokio::test]
async fn under_attack_for_400_days_the_owner_logs_in_each_day() {
    const DAYS: u32 = 400;
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "1000000/1")]).await;
    let owner = service.client();
    let mut session = owner.sign_up(PHONE).await;
    // Wrong codes that were compared on each day, by the length of the code.
    let mut guessed = Vec::new();
    for day in 0..DAYS {
        let mut today = [0_u32; 2];
        for hour in 0..2 {
            service.advance(HOUR * 12);
            for n in 0..6 {
                let stranger = service.client_at(elsewhere(day * 24 + hour * 6 + n));
                let reply = ask(&stranger, json!({ "phoneNumber": PHONE })).await;
                if reply.status == 429 {
                    continue;
                }
                let id = reply.json()["verificationId"].as_str().unwrap().to_owned();
                let code = owner.last_code(PHONE).await;
                let length = CodeLength::from_digits(code.len()).unwrap();
                // Of ten digits one guess stands for five: they differ in nothing.
                let guesses = if length == CodeLength::Six { 6 } else { 1 };
                for guess in wrong_codes(&code).take(guesses) {
                    let reply = stranger.confirm("login", &id, &guess).await;
                    let is_compared = u32::from(reply.code() == "code_incorrect");
                    today[usize::from(length == CodeLength::Ten)] += is_compared;
                }
            }
        }
        guessed.push(today);
        // The number's limits are used up: within the hour it is the owner's turn again.
        service.advance(HOUR / 2);
        let bodies = [
            json!({ "phoneNumber": PHONE }),
            json!({ "phoneNumber": PHONE, "previousToken": session.refresh }),
        ];
        for (body, is_known) in bodies.into_iter().zip([false, true]) {
            let running = start_with(&owner, body).await;
            assert!(!is_known || running.length == 6, "day {day}: {}", running.length);
            let _ = owner.confirm("login", &running.id, &running.code).await.expect(200);
            let login = json!({ "verificationId": running.id, "deviceId": "phone" });
            let reply = owner.post("/auth/v1/login", login).await.expect(200);
            session = tests::Session::from_reply(&reply);
        }
        // The inbox is not part of this.
        let mut redis = service.redis().await;
        let () = redis::cmd("DEL").arg("inbox").query_async(&mut redis).await.unwrap();
    }
    let sum = |days: &[[u32; 2]], length: usize| days.iter().map(|day| day[length]).sum::<u32>();
    let most = guessed.windows(365).map(|days| sum(days, 0)).max().unwrap();
    // Wrong codes of ten digits count towards the hundred, too.
    assert!((50..=100).contains(&most), "{most} guesses of six digits in a year");
    assert!(sum(&guessed, 1) > 5 * DAYS, "the attack went on");
    // What one tier bears in a year: these, and all attempts of 20 codes of ten digits an hour.
    let long = f64::from(20 * 24 * 365 * 5) / 1e10;
    let chance = f64::from(most) / 1e6 + long;
    assert!(chance < 2e-4, "{chance}");
}

//! Another code for a running verification.

use super::{
    OTHER_PHONE, PHONE, SHORT, address, ask, id_of, just_before, keys, resend, status, wrong_code,
    wrong_codes,
};
use crate::abuse::refusing_after;
use serde_json::json;
use std::time::Duration;
use tests::Service;

#[tokio::test]
async fn a_resend_gives_the_same_id_a_new_code() {
    let service = Service::start().await;
    let client = service.client();
    let (id, old) = client.start("register", PHONE).await;
    service.advance(Duration::from_secs(100));
    let resent = resend(&client, &id).await.expect(200).json();
    let expected = json!({ "verificationId": id, "codeLength": 6, "expiresIn": 600, "resendIn": 60,
            "attemptsLeft": 5 });
    assert_eq!(resent, expected);
    assert_eq!(keys(&service, "verification:*").await.len(), 1);

    let messages = service.inbox().await;
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message["to"] == PHONE));
    let new = client.last_code(PHONE).await;
    assert_ne!(new, old);
    let reply = client.confirm("register", &id, &old).await.refused(400, "code_incorrect");
    assert_eq!(reply.json()["attemptsLeft"], 4, "the old code is a wrong one");
    let _ = client.confirm("register", &id, &new).await.expect(200);
}

#[tokio::test]
async fn a_resend_forgets_no_wrong_code() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    for wrong in wrong_codes(&code).take(3) {
        client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
    }
    service.advance(Duration::from_secs(30));
    assert_eq!(resend(&client, &id).await.expect(200).json()["attemptsLeft"], 2);
    let code = client.last_code(PHONE).await;
    for (wrong, left) in wrong_codes(&code).zip([1, 0]) {
        let reply = client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
        assert_eq!(reply.json()["attemptsLeft"], left);
    }
    client.confirm("register", &id, &code).await.refused(429, "too_many_attempts");
}

/// It reached its phone all the same, before the sender said that it did not.
#[tokio::test]
async fn a_code_that_was_not_sent_and_is_confirmed_takes_nothing_with_it() {
    let service = Service::start().await;
    let working = service.clone();
    let confirm = move |text: String| {
        let service = working.clone();
        async move {
            let record = keys(&service, "verification:*").await.pop().expect("a verification");
            let id = record.rsplit(':').next().expect("an id");
            let mut digits = text.split(|letter: char| !letter.is_ascii_digit());
            let code = digits.find(|digits| digits.len() == 6).expect("a code");
            let _ = service.client().confirm("register", id, code).await.expect(200);
        }
    };
    let failing = refusing_after(&service, confirm).await;
    ask(&failing.client(), "register", PHONE).await.refused(502, "sms_failed");
    let record = keys(&service, "verification:*").await.pop().expect("it is still there");
    let body = json!({ "verificationId": record.rsplit(':').next() });
    let _ = service.client().post("/auth/v1/register", body).await.expect(201);
}

/// The sender is slow to refuse, and the user asks once more.
#[tokio::test]
async fn a_code_that_was_not_sent_takes_no_later_one_with_it() {
    let service = Service::start().await;
    let (id, _) = service.client().start("register", PHONE).await;
    service.advance(Duration::from_secs(30));
    let (working, again) = (service.clone(), id.clone());
    let resend_meanwhile = move |_| {
        let (service, id) = (working.clone(), again.clone());
        async move {
            service.advance(Duration::from_mins(1));
            let _ = resend(&service.client(), &id).await.expect(200);
        }
    };
    let failing = refusing_after(&service, resend_meanwhile).await;
    resend(&failing.client(), &id).await.refused(502, "sms_failed");
    let later = service.client().last_code(PHONE).await;
    let _ = service.client().confirm("register", &id, &later).await.expect(200);
}

#[tokio::test]
async fn resends_wait_thirty_sixty_and_then_always_a_hundred_and_twenty_seconds() {
    let service = Service::start().await;
    let client = service.client();
    let (id, _) = client.start("register", PHONE).await;
    let mut codes = 1;
    for (wait, next) in [(30, 60), (60, 120), (120, 120), (120, 120)] {
        let early = resend(&client, &id).await.refused(429, "resend_too_early");
        assert_eq!(early.header("retry-after"), Some(&*wait.to_string()));
        service.advance(just_before(Duration::from_secs(wait)));
        assert_eq!(status(&client, &id).await.json()["resendIn"], 1);
        let early = resend(&client, &id).await.refused(429, "resend_too_early");
        assert_eq!(early.header("retry-after"), Some("1"));
        let newest = client.last_code(PHONE).await;
        service.advance(SHORT);
        assert_eq!(status(&client, &id).await.json()["resendIn"], 0);
        assert_eq!(client.last_code(PHONE).await, newest);
        assert_eq!(resend(&client, &id).await.expect(200).json()["resendIn"], next);
        codes += 1;
        assert_eq!(service.inbox().await.len(), codes);
    }
    let code = client.last_code(PHONE).await;
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

#[tokio::test]
async fn with_limits_lifted_nobody_waits_but_wrong_codes_still_count() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    for _ in 0..30 {
        let reply = ask(&client, "register", PHONE).await.expect(200);
        assert_eq!(reply.json()["resendIn"], 0);
        assert_eq!(reply.header("ratelimit-limit"), None);
    }
    let (id, _) = client.start("register", PHONE).await;
    for _ in 0..30 {
        assert_eq!(resend(&client, &id).await.expect(200).json()["resendIn"], 0);
    }
    for _ in 0..70 {
        assert_eq!(status(&client, &id).await.expect(200).json()["resendIn"], 0);
    }
    let code = client.last_code(PHONE).await;
    for wrong in wrong_codes(&code).take(5) {
        client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
    }
    client.confirm("register", &id, &code).await.refused(429, "too_many_attempts");
    resend(&client, &id).await.refused(429, "too_many_attempts");
    // What remains is the history of wrong codes.
    let limits = keys(&service, "rate_limit:*").await;
    assert!(limits.iter().all(|key| key.starts_with("rate_limit:code_history")), "{limits:?}");
}

#[tokio::test]
async fn what_is_confirmed_or_unknown_gets_no_other_code() {
    let service = Service::start().await;
    let client = service.client();
    let id = client.verified("register", PHONE).await;
    service.advance(Duration::from_secs(30));
    resend(&client, &id).await.refused(400, "verification_invalid");
    let unknown = "5f0c6b0e-8a43-4f0f-9f57-1f8b8f3f3f3f";
    resend(&client, unknown).await.refused(400, "verification_invalid");
    assert_eq!(service.inbox().await.len(), 1);
    assert_eq!(keys(&service, "verification:*").await.len(), 1);
    let body = json!({ "verificationId": id });
    let _ = client.post("/auth/v1/register", body).await.expect(201);
}

#[tokio::test]
async fn a_resend_is_limited_as_a_request_and_a_refused_one_changes_nothing() {
    let service = Service::start().await;
    let (client, stranger) = (service.client(), service.client_at(address(1)));
    let (id, code) = client.start("register", PHONE).await;
    service.advance(Duration::from_secs(30));
    // The bucket is full again: the number has five codes, and strangers take them.
    for _ in 0..5 {
        let _ = ask(&stranger, "register", PHONE).await.expect(200);
    }
    let before = status(&client, &id).await.json();
    let refused = resend(&client, &id).await.refused(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-remaining"), Some("9"), "the address was counted");
    assert_eq!(service.inbox().await.len(), 6);
    assert_eq!(status(&client, &id).await.json(), before);
    let reply = client.confirm("register", &id, &wrong_code(&code)).await;
    reply.refused(400, "code_incorrect");
    let _ = client.confirm("register", &id, &code).await.expect(200);

    // And the other way round: what is resent counts on the number.
    let (id, _) = client.start("register", OTHER_PHONE).await;
    service.advance(Duration::from_mins(1));
    let _ = resend(&client, &id).await.expect(200);
    for _ in 0..4 {
        let _ = ask(&stranger, "register", OTHER_PHONE).await.expect(200);
    }
    ask(&stranger, "register", OTHER_PHONE).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn resends_count_on_the_address() {
    let service = Service::start().await;
    let client = service.client();
    let id = id_of(&ask(&service.client_at(address(1)), "register", PHONE).await.expect(200));
    for n in 0..10 {
        let _ = ask(&client, "register", &super::phone(n)).await.expect(200);
    }
    service.advance(Duration::from_secs(30));
    for n in 10..15 {
        let _ = ask(&client, "register", &super::phone(n)).await.expect(200);
    }
    resend(&client, &id).await.refused(429, "rate_limited");
    // A number that was not asked for a code of its own has all of them left.
    for n in 2..7 {
        let _ = ask(&service.client_at(address(n)), "register", PHONE).await.expect(200);
    }
}

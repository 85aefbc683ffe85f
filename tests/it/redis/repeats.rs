//! A call whose connection is lost is repeated with the same id: the client sees the usual
//! answer, and nobody gains by it. Each test loses the connection before and after Redis runs
//! the call, at each exchange of the request.

use super::behind_proxy;
use crate::abuse::UNREACHABLE_SENDER;
use crate::verify::{ask, id_of, keys, phone, record_key, resend, status, wrong_codes};
use domain::ids::CallId;
use domain::ids::VerificationId;
use domain::verification::Purpose;
use serde_json::json;
use shared::cache::verification::{CodeAttempt, ConfirmOutcome, ShownDigests};
use shared::limits::Limit;
use std::time::Duration;
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Proxy, Service};

const PARTS: [Lost; 2] = [Lost::Request, Lost::Reply];

async fn proxied(variables: &[(&str, &str)]) -> (Proxy, Service) {
    let url = Stores::fresh().await.redis_url;
    let (proxy, service) = behind_proxy(&url, variables).await;
    // Scripts are known afterwards, and the counters that were due are sent.
    let _ = service.client().sign_up("+33699999999").await;
    for _ in 0..2 {
        service.advance(Duration::from_mins(1));
        let (id, _) = service.client().start("login", "+33699999999").await;
        service.client().confirm("login", &id, "000000").await;
        service.advance(Duration::from_secs(30));
        let _ = resend(&service.client(), &id).await;
    }
    (proxy, service)
}

/// Messages to this number.
async fn messages(service: &Service, phone: &str) -> usize {
    service.inbox().await.iter().filter(|message| message["to"] == *phone).count()
}

/// How many tokens of a limit are taken.
async fn taken(service: &Service, limit: Limit, id: &str) -> i64 {
    let rule = service.state.core.config.limits.rule(limit);
    let interval = i64::try_from(rule.period.as_millis()).unwrap() / i64::from(rule.burst);
    let mut redis = service.redis().await;
    let mut sum = 0;
    for key in keys(service, &format!("rate_limit:{}:{id}", limit.name())).await {
        if matches!(limit, Limit::SmsGlobal | Limit::SmsPerCountry) {
            let counts: Vec<(i64, i64)> =
                redis::cmd("HGETALL").arg(key).query_async(&mut redis).await.unwrap();
            // Buckets of a minute: what is older than the window counts no more.
            let now = service.now().millis() / 60_000;
            sum += counts.iter().filter(|(at, _)| now - at <= 60).map(|(_, n)| n).sum::<i64>();
            continue;
        }
        let full: i64 = redis::cmd("GET").arg(key).query_async(&mut redis).await.unwrap();
        sum += (full - service.now().millis()).max(0).div_euclid(interval);
    }
    sum
}

#[tokio::test]
async fn a_repeated_start_sends_one_code_and_counts_the_number_once() {
    let (proxy, service) = proxied(&[]).await;
    let mut n = 0;
    for skip in 0..3 {
        for part in PARTS {
            service.advance(Duration::from_hours(2));
            let (client, phone) = (service.client(), phone(n));
            n += 1;
            proxy.lose(skip, part);
            let reply = ask(&client, "register", &phone).await.expect(200).json();
            assert!(!proxy.has_loss_pending(), "the request has only {skip} exchanges");
            assert_eq!((&reply["attemptsLeft"], &reply["resendIn"]), (&5.into(), &30.into()));
            assert_eq!(messages(&service, &phone).await, 1, "{skip} {part:?}");
            assert_eq!(taken(&service, Limit::PhonePerMinute, "*").await, 1, "{skip} {part:?}");
            assert_eq!(taken(&service, Limit::SmsGlobal, "*").await, 1, "{skip} {part:?}");
            let id = reply["verificationId"].as_str().unwrap();
            let code = client.last_code(&phone).await;
            let _ = client.confirm("register", id, &code).await.expect(200);
        }
    }
}

/// A shipped client's second request is also accepted under its first id.
#[tokio::test]
async fn a_lost_connection_loses_no_code_of_a_shipped_client() {
    let (proxy, service) = proxied(&[("LEGACY_CLIENTS", "true")]).await;
    for _ in 0..2 {
        // Scripts are known afterwards.
        let _ = ask(&service.client(), "register", &phone(99)).await.expect(200);
    }
    let mut n = 0;
    // The address, the number, the inbox, and what both requests have in common.
    for skip in 0..5 {
        for part in PARTS {
            service.advance(Duration::from_hours(2));
            let (client, phone) = (service.client(), phone(n));
            n += 1;
            let first = id_of(&ask(&client, "register", &phone).await.expect(200));
            proxy.lose(skip, part);
            let second = id_of(&ask(&client, "register", &phone).await.expect(200));
            assert!(!proxy.has_loss_pending(), "the request has only {skip} exchanges");
            let code = client.last_code(&phone).await;
            for id in [&first, &second] {
                let _ = client.confirm("register", id, &code).await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn a_repeated_resend_sends_one_more_code() {
    let (proxy, service) = proxied(&[]).await;
    let mut n = 0;
    for skip in 0..4 {
        for part in PARTS {
            let (client, phone) = (service.client(), phone(n));
            n += 1;
            service.advance(Duration::from_mins(1));
            let (id, old) = client.start("register", &phone).await;
            service.advance(Duration::from_secs(30));
            let before = taken(&service, Limit::PhonePerHour, "*").await;
            proxy.lose(skip, part);
            let reply = resend(&client, &id).await.expect(200).json();
            assert!(!proxy.has_loss_pending(), "the request has only {skip} exchanges");
            assert_eq!(reply["resendIn"], 60, "{skip} {part:?}");
            assert_eq!(messages(&service, &phone).await, 2, "{skip} {part:?}");
            assert_eq!(taken(&service, Limit::PhonePerHour, "*").await, before + 1);
            // No second code by the repeat: the next one has to wait.
            resend(&client, &id).await.refused(429, "resend_too_early");
            client.confirm("register", &id, &old).await.refused(400, "code_incorrect");
            let code = client.last_code(&phone).await;
            let _ = client.confirm("register", &id, &code).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_repeated_attempt_is_counted_once_and_never_less() {
    let (proxy, service) = proxied(&[]).await;
    for part in PARTS {
        service.advance(Duration::from_mins(5));
        let client = service.client();
        let (id, code) = client.start("register", "+33612345678").await;
        for (guess, left) in wrong_codes(&code).zip([4, 3, 2, 1, 0]) {
            proxy.lose(1, part);
            let reply = client.confirm("register", &id, &guess).await;
            assert!(!proxy.has_loss_pending());
            assert_eq!(reply.refused(400, "code_incorrect").json()["attemptsLeft"], left);
        }
        proxy.lose(1, part);
        let reply = client.confirm("register", &id, &code).await;
        let _ = reply.refused(429, "too_many_attempts");
        assert_eq!(status(&client, &id).await.json()["attemptsLeft"], 0);
    }
}

#[tokio::test]
async fn a_right_code_whose_reply_was_lost_is_right() {
    let (proxy, service) = proxied(&[]).await;
    for (n, (skip, part)) in (0..).zip([0, 1].iter().flat_map(|n| PARTS.map(|part| (*n, part)))) {
        service.advance(Duration::from_mins(1));
        let (client, phone) = (service.client(), phone(n));
        let (id, code) = client.start("login", &phone).await;
        proxy.lose(skip, part);
        let reply = client.confirm("login", &id, &code).await.expect(200);
        assert!(!proxy.has_loss_pending());
        assert_eq!(reply.json(), json!({ "verified": true, "requires2FA": false }));
        assert_eq!(status(&client, &id).await.json()["attemptsLeft"], 5);
        let mut redis = service.redis().await;
        // The breaker of the country counted one confirmation for each.
        let counts: Vec<(String, String)> = redis::cmd("HGETALL")
            .arg("rate_limit:breaker:{FR}")
            .query_async(&mut redis)
            .await
            .unwrap();
        let confirmed = counts.iter().filter(|(field, _)| field.starts_with("c:"));
        let confirmed: i64 = confirmed.map(|(_, count)| count.parse::<i64>().unwrap()).sum();
        assert_eq!(confirmed, i64::from(n) + 2, "{skip} {part:?}");
    }
}

/// The id of a call is the server's: a client that repeats its own headers repeats a guess.
#[tokio::test]
async fn a_client_cannot_repeat_a_call() {
    let service = Service::start().await;
    let client = service.client().with_header("x-request-id", "the-same");
    let client = client.with_header("idempotency-key", "the-same");
    let (id, code) = client.start("register", "+33612345678").await;
    let wrong = wrong_codes(&code).next().unwrap();
    for left in [4, 3, 2, 1, 0] {
        let reply = client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
        assert_eq!(reply.json()["attemptsLeft"], left);
    }
    client.confirm("register", &id, &code).await.refused(429, "too_many_attempts");
}

#[tokio::test]
async fn a_known_call_with_another_code_is_compared_and_counted() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", "+33612345678").await;
    let parsed = VerificationId::from_uuid(id.parse().unwrap());
    let call = CallId::new(service.state.core.rng.bytes());
    let peppers = service.state.verify.pepper.load();
    let pepper = peppers.current();
    let confirm = async |code: &str| {
        let code = domain::verification::Code::parse(code).unwrap();
        let (purpose, code_length) = (Purpose::Register, code.length());
        let codes = [pepper.code(&parsed, purpose, &code)];
        let shown = [ShownDigests { pepper: pepper.id().to_owned(), device: String::new(), codes }];
        let attempt = CodeAttempt { call, purpose, shown: &shown, code_length };
        service.state.core.cache.confirm_verification(&parsed, &attempt, service.now()).await
    };
    let mut wrong = wrong_codes(&code);
    let (one, two) = (wrong.next().unwrap(), wrong.next().unwrap());
    for (code, left) in [(&one, 4), (&one, 4), (&two, 3), (&two, 3), (&one, 2)] {
        match confirm(code).await.unwrap() {
            ConfirmOutcome::Incorrect { attempts_left, .. } => assert_eq!(attempts_left, left),
            other => panic!("{other:?}"),
        }
    }
    let country = Some("FR".to_owned());
    let right = ConfirmOutcome::Confirmed { requires_2fa: false, country, receipt: None };
    assert_eq!(confirm(&code).await.unwrap(), right);
    // Its answer stays, also when others have used up the attempts.
    for wrong in wrong_codes(&code).take(2) {
        client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
    }
    assert_eq!(confirm(&code).await.unwrap(), right);
    client.confirm("register", &id, &code).await.refused(429, "too_many_attempts");
}

#[tokio::test]
async fn a_withdrawal_gives_a_budget_back_at_most_once() {
    let (proxy, working) = proxied(&[]).await;
    let failing = Service::over(working.stores.clone(), &UNREACHABLE_SENDER).await;
    failing.advance(working.now().since(failing.now()));
    ask(&failing.client(), "register", &phone(99)).await.refused(502, "sms_failed");
    for skip in 0..4 {
        for part in PARTS {
            for service in [&working, &failing] {
                service.advance(Duration::from_hours(2));
            }
            let before = keys(&working, "verification:*").await.len();
            let _ = ask(&working.client(), "register", &phone(1)).await.expect(200);
            proxy.lose(skip, part);
            ask(&failing.client(), "register", &phone(2)).await.refused(502, "sms_failed");
            assert!(!proxy.has_loss_pending(), "the request has only {skip} exchanges");
            // The code that was sent stays counted.
            for limit in [Limit::SmsGlobal, Limit::SmsPerCountry] {
                let taken = taken(&working, limit, "*").await;
                assert!((1..=2).contains(&taken), "{limit:?} {skip} {part:?}: {taken}");
                assert!(taken == 1 || skip >= 2, "{limit:?} {skip} {part:?}: not given back");
            }
            assert_eq!(keys(&working, "verification:*").await.len(), before + 1);
        }
    }
}

#[tokio::test]
async fn a_repeated_access_check_may_count_twice_and_never_zero_times() {
    let (proxy, service) = proxied(&[]).await;
    let session = service.client().sign_up("+33612345678").await;
    for part in PARTS {
        service.advance(Duration::from_secs(30));
        let client = service.client();
        let _ = client.ws_token(&session.access).await.expect(200);
        proxy.lose(0, part);
        let reply = client.ws_token(&session.access).await.expect(200);
        assert!(!proxy.has_loss_pending());
        let id = format!("{{{}}}", session.user);
        let taken = taken(&service, Limit::BearerPerAccount, &id).await;
        let expected = if part == Lost::Request { 2 } else { 3 };
        assert_eq!(taken, expected, "{part:?}");
        assert!(reply.header("ratelimit-remaining").is_some());
    }
    // A tombstone that is written again ends nothing else, and a login is cached.
    for skip in 0..3 {
        for part in PARTS {
            let session = service.client().log_in("+33612345678", "other").await;
            let _ = service.client().ws_token(&session.access).await.expect(200);
            proxy.lose(skip, part);
            let bearer = service.client().bearer(&session.access);
            let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
            service.client().ws_token(&session.access).await.refused(401, "session_ended");
            service.advance(Duration::from_mins(10));
        }
    }
}

#[tokio::test]
async fn a_repeated_removal_of_a_device_writes_its_tombstone() {
    let (proxy, service) = proxied(&[]).await;
    let client = service.client();
    let owner = client.sign_up("+33612345678").await;
    // The access check, and the tombstone.
    for skip in 0..2 {
        for part in PARTS {
            service.advance(Duration::from_mins(1));
            let other = client.log_in("+33612345678", "other").await;
            let _ = client.ws_token(&other.access).await.expect(200);
            proxy.lose(skip, part);
            let bearer = client.clone().bearer(&owner.access);
            let path = format!("/auth/v1/device/{}", other.device);
            let _ = bearer.send(http::Method::DELETE, &path, &json!({})).await.expect(204);
            assert!(!proxy.has_loss_pending(), "the request has only {skip} exchanges");
            client.ws_token(&other.access).await.refused(401, "session_ended");
        }
    }
}

#[tokio::test]
async fn an_id_of_another_slot_or_version_is_unknown() {
    let service = Service::start().await;
    let client = service.client();
    let (id, code) = client.start("register", "+33612345678").await;
    let _ = record_key(&id);
    let mut bytes = *id.parse::<uuid::Uuid>().unwrap().as_bytes();
    bytes[0] ^= 0x80;
    let other_slot = uuid::Uuid::from_bytes(bytes).to_string();
    let v4 = format!("{}4{}", &id[..14], &id[15..]);
    let variant = format!("{}1{}", &id[..19], &id[20..]);
    for other in [other_slot, v4, variant] {
        status(&client, &other).await.refused(404, "verification_not_found");
        resend(&client, &other).await.refused(400, "verification_invalid");
        client.confirm("register", &other, &code).await.refused(400, "verification_invalid");
        let body = json!({ "verificationId": other });
        client.post("/auth/v1/register", body).await.refused(400, "verification_invalid");
    }
    let asked = ask(&client, "login", "+33612345678").await.expect(200);
    // All codes of a number are in its slot.
    assert_eq!(record_key(&id_of(&asked))[..17], record_key(&id)[..17]);
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

//! `LEGACY_CLIENTS`: a shipped client requests again and goes on with the id of its first request.
//! An earlier verification accepts the code of the latest request of the same client, and its own.

use super::{OTHER_PHONE, PHONE, address, confirm_bound, count, id_of, start_bound, wrong_codes};
use domain::ids::VerificationId;
use domain::verification::{Code, Purpose};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::race::together;
use tests::{Client, Service};

async fn legacy() -> Service {
    Service::with(&[("LEGACY_CLIENTS", "true")]).await
}

async fn confirm(client: &Client, id: &str, code: &str) -> u16 {
    confirm_bound(client, id, code).await.status.as_u16()
}

#[tokio::test]
async fn an_earlier_id_accepts_its_own_code_and_that_of_the_latest_request() {
    let service = legacy().await;
    let client = service.client();
    let mut requested = Vec::new();
    for _ in 0..3 {
        requested.push(start_bound(&client, PHONE, Some("phone-1")).await);
        service.advance(Duration::from_secs(20));
    }
    let [(first, a), (second, b), (third, c)] = &requested[..] else { panic!("three") };
    assert_eq!(BTreeSet::from([first, second, third]).len(), 3);
    // At most two codes each: the first has the third's instead of the second's.
    assert_eq!(confirm(&client, first, b).await, 400);
    assert_eq!(confirm(&client, third, a).await, 400);
    assert_eq!(confirm(&client, third, b).await, 400);
    assert_eq!(confirm(&client, second, a).await, 400);
    assert_eq!(confirm(&client, first, c).await, 200);
    assert_eq!(confirm(&client, second, b).await, 200);
    assert_eq!(confirm(&client, third, c).await, 200);
    // Once confirmed, one code is the right one.
    assert_eq!(confirm(&client, first, c).await, 200);
    assert_eq!(confirm(&client, first, a).await, 400);
    let body = json!({ "verificationId": first, "deviceId": "phone-1" });
    let _ = client.post("/auth/v1/register", body).await.expect(201);
}

#[tokio::test]
async fn the_own_code_still_works_and_the_attempts_are_shared() {
    let service = legacy().await;
    let client = service.client();
    let (first, own) = start_bound(&client, PHONE, Some("phone-1")).await;
    let (_, later) = start_bound(&client, PHONE, Some("phone-1")).await;
    let wrong = wrong_codes(&own).filter(|code| *code != later);
    for (wrong, left) in wrong.take(4).zip([4, 3, 2, 1]) {
        let reply = confirm_bound(&client, &first, &wrong).await;
        assert_eq!(reply.refused(400, "code_incorrect").json()["attemptsLeft"], left);
    }
    assert_eq!(confirm(&client, &first, &own).await, 200);
}

#[tokio::test]
async fn a_later_code_outlives_the_first_one_and_dies_with_the_record() {
    let service = legacy().await;
    let client = service.client();
    let (first, own) = start_bound(&client, PHONE, Some("phone-1")).await;
    service.advance(Duration::from_mins(9));
    let (second, later) = start_bound(&client, PHONE, Some("phone-1")).await;
    service.advance(Duration::from_mins(2));
    assert_eq!(confirm(&client, &first, &own).await, 400, "eleven minutes old");
    assert_eq!(confirm(&client, &first, &later).await, 200);
    service.advance(Duration::from_mins(6));
    assert_eq!(confirm(&client, &first, &later).await, 400, "its record has ended");
    assert_eq!(confirm(&client, &second, &later).await, 200);
}

/// Number, purpose, device and address: if one differs, nothing is accepted.
#[tokio::test]
async fn another_client_gains_nothing() {
    let service = legacy().await;
    let _ = service.client().sign_up(OTHER_PHONE).await;
    let client = service.client();
    let (first, _) = start_bound(&client, PHONE, Some("phone-1")).await;
    let (_, elsewhere) = start_bound(&service.client_at(address(7)), PHONE, Some("phone-1")).await;
    let (_, no_device) = start_bound(&client, PHONE, None).await;
    let (_, other_device) = start_bound(&client, PHONE, Some("phone-2")).await;
    let (_, other_number) = start_bound(&client, "+33612345679", Some("phone-1")).await;
    for code in [elsewhere, no_device, other_device, other_number] {
        assert_eq!(confirm(&client, &first, &code).await, 400);
    }
    let body = json!({ "phoneNumber": OTHER_PHONE, "deviceId": "phone-1" });
    let login = client.post("/auth/v1/verify/login/request", body).await.expect(200);
    let code = client.last_code(OTHER_PHONE).await;
    assert_eq!(confirm(&client, &id_of(&login), &code).await, 400, "a log-in is no sign-up");
}

/// Lets one verification accept the code of another, as if one client had requested both.
async fn accept(service: &Service, later: &(String, String), earlier: &str) {
    let [later_id, earlier] =
        [&later.0, earlier].map(|id| VerificationId::from_uuid(id.parse().expect("a UUID")));
    let peppers = service.state.verify.pepper.load();
    let pepper = peppers.current();
    let code = Code::parse(&later.1).expect("a code");
    let accepting = [(earlier, pepper.code(&earlier, Purpose::Register, &code))];
    let cache = &service.state.core.cache;
    let accepted = cache.accept_later_code(&later_id, pepper.id(), None, &accepting, service.now());
    accepted.await.expect("an answer");
}

/// The guard of the script itself: what one client has in common includes the purpose.
#[tokio::test]
async fn a_code_for_another_purpose_is_not_accepted() {
    let service = Service::start().await;
    let client = service.client();
    let (earlier, _) = client.start("register", PHONE).await;
    for (purpose, status) in [("login", 400), ("register", 200)] {
        let later = client.start(purpose, PHONE).await;
        accept(&service, &later, &earlier).await;
        assert_eq!(
            client.confirm("register", &earlier, &later.1).await.status,
            status,
            "{purpose}"
        );
    }
}

/// Of two requests at once, the later one may be linked first.
#[tokio::test]
async fn a_later_code_is_not_replaced_by_one_before_it() {
    let service = Service::start().await;
    let client = service.client();
    let mut requested = Vec::new();
    for _ in 0..3 {
        requested.push(client.start("register", PHONE).await);
        service.advance(Duration::from_secs(20));
    }
    let [(first, _), second, third] = &requested[..] else { panic!("three") };
    accept(&service, third, first).await;
    accept(&service, second, first).await;
    client.confirm("register", first, &second.1).await.refused(400, "code_incorrect");
    let _ = client.confirm("register", first, &third.1).await.expect(200);
}

#[tokio::test]
async fn other_clients_are_told_apart_by_their_ids() {
    let service = Service::start().await;
    let client = service.client();
    let (first, own) = start_bound(&client, PHONE, Some("phone-1")).await;
    let (second, later) = start_bound(&client, PHONE, Some("phone-1")).await;
    assert_eq!(confirm(&client, &first, &later).await, 400);
    assert_eq!(confirm(&client, &first, &own).await, 200);
    assert_eq!(confirm(&client, &second, &later).await, 200);
}

/// A code whose sending failed was seen by nobody: it displaces none.
#[tokio::test]
async fn a_code_that_was_not_sent_is_accepted_nowhere() {
    let service = legacy().await;
    let client = service.client();
    let (first, _) = start_bound(&client, PHONE, Some("phone-1")).await;
    let (_, later) = start_bound(&client, PHONE, Some("phone-1")).await;
    let broken = service.with_more(&crate::abuse::UNREACHABLE_SENDER).await;
    let body = json!({ "phoneNumber": PHONE, "deviceId": "phone-1" });
    let path = "/auth/v1/verify/register/request";
    broken.client().post(path, body).await.refused(502, "sms_failed");
    assert_eq!(confirm(&client, &first, &later).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_requests_have_an_id_each_and_each_accepts_its_own_code() {
    let service =
        Service::with(&[("LEGACY_CLIENTS", "true"), ("SMS_RATE_LIMIT_PER_MINUTE", "100")]).await;
    let requests = (0..8).map(|_| {
        let client = service.client();
        async move {
            let body = json!({ "phoneNumber": PHONE, "deviceId": "phone-1" });
            client.post("/auth/v1/verify/register/request", body).await
        }
    });
    let replies = together(requests).await;
    assert_eq!(count(&replies, 200), 5, "the limit of a network");
    let ids: BTreeSet<_> = replies.iter().filter(|reply| reply.status == 200).map(id_of).collect();
    assert_eq!(ids.len(), 5);
    // Whichever was the last: each accepts its own code and at most one other.
    let codes: Vec<_> = service.inbox().await;
    let codes: Vec<_> =
        codes.iter().map(|message| message["code"].as_str().expect("a code")).collect();
    let mut redis = service.redis().await;
    let mut later = 0;
    for id in &ids {
        let stored: Vec<Option<String>> = redis::cmd("HMGET")
            .arg(super::record_key(id))
            .arg(&["code_mac", "later_code_mac"])
            .query_async(&mut redis)
            .await
            .unwrap();
        assert!(stored[0].is_some());
        later += usize::from(stored[1].is_some());
    }
    assert_eq!(later, 4, "all but the last");
    let mut confirmed = 0;
    for id in &ids {
        for code in &codes {
            if confirm(&service.client(), id, code).await == 200 {
                confirmed += 1;
                break;
            }
        }
    }
    assert_eq!(confirmed, 5);
}

//! How often one may ask for codes: per number, per address, and the owner's own tier.

use super::{OTHER_PHONE, PHONE, SHORT, address, ask, just_before, keys, phone, resend, status};
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use tests::{Client, Reply, Service};

/// What an answer tells of limits: limit, remaining, reset.
fn standing(reply: &Reply) -> [Option<&str>; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| reply.header(name))
}

/// Asks for codes for a number from ever new addresses until it has none left; gives how
/// many there were.
async fn use_up(service: &Service, addresses: std::ops::Range<u16>, phone: &str) -> usize {
    for (passed, n) in addresses.enumerate() {
        let reply = ask(&service.client_at(address(n)), "login", phone).await;
        if reply.status == 429 {
            return passed;
        }
        let _ = reply.expect(200);
    }
    panic!("nothing refused");
}

async fn ask_with_token(client: &Client, phone: &str, token: &str) -> Reply {
    let body = json!({ "phoneNumber": phone, "previousToken": token });
    client.post("/auth/v1/verify/login/request", body).await
}

#[tokio::test]
async fn a_number_gets_five_codes_at_once_and_then_one_every_twelve_seconds() {
    let service = Service::start().await;
    for n in 0..5 {
        let purpose = if n % 2 == 0 { "register" } else { "login" };
        let _ = ask(&service.client_at(address(n)), purpose, PHONE).await.expect(200);
    }
    for purpose in ["register", "login"] {
        let reply = ask(&service.client(), purpose, PHONE).await.refused(429, "rate_limited");
        assert_eq!(reply.header("retry-after"), Some("12"));
    }
    assert_eq!(service.inbox().await.len(), 5);
    assert_eq!(keys(&service, "verification:*").await.len(), 5);
    let _ = ask(&service.client(), "register", OTHER_PHONE).await.expect(200);

    service.advance(just_before(Duration::from_secs(12)));
    let early = ask(&service.client(), "register", PHONE).await.refused(429, "rate_limited");
    assert_eq!(early.header("retry-after"), Some("1"));
    service.advance(SHORT);
    let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    ask(&service.client(), "register", PHONE).await.refused(429, "rate_limited");
    // However long it was full, it holds five.
    service.advance(Duration::from_secs(110));
    assert_eq!(use_up(&service, 10..20, PHONE).await, 5);
}

#[tokio::test]
async fn a_number_gets_twenty_codes_and_then_one_every_three_minutes() {
    let service = Service::with(&[("SMS_RATE_LIMIT_PER_MINUTE", "1000")]).await;
    assert_eq!(use_up(&service, 0..30, PHONE).await, 20);
    assert_eq!(service.inbox().await.len(), 20);
    let reply = ask(&service.client(), "login", PHONE).await.refused(429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("180"));
    service.advance(just_before(Duration::from_mins(3)));
    ask(&service.client(), "login", PHONE).await.refused(429, "rate_limited");
    service.advance(SHORT);
    let _ = ask(&service.client(), "login", PHONE).await.expect(200);
    ask(&service.client(), "login", PHONE).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn both_of_a_numbers_limits_hold_by_default() {
    let service = Service::start().await;
    let mut sent = 0;
    for n in 0..30 {
        let reply = ask(&service.client_at(address(n)), "login", PHONE).await;
        let _ = reply.expect(200);
        sent += 1;
        if sent == 20 {
            break;
        }
        service.advance(Duration::from_secs(12));
    }
    // 228 s on, the hour's bucket has had one back: 21, and no more.
    assert_eq!(use_up(&service, 40..50, PHONE).await, 1);
}

#[tokio::test]
async fn a_numbers_limits_follow_the_configuration() {
    let service = Service::with(&[("SMS_RATE_LIMIT_PER_MINUTE", "2")]).await;
    assert_eq!(use_up(&service, 0..10, PHONE).await, 2);
    let service = Service::with(&[("SMS_RATE_LIMIT_PER_HOUR", "3")]).await;
    assert_eq!(use_up(&service, 0..10, PHONE).await, 3);
}

#[tokio::test]
async fn an_address_gets_ten_codes_and_then_one_every_six_seconds() {
    let service = Service::start().await;
    for n in 0..10 {
        let reply = ask(&service.client(), "register", &phone(n)).await.expect(200);
        let (left, reset) = ((9 - n).to_string(), (6 * (n + 1)).to_string());
        assert_eq!(standing(&reply), [Some("10"), Some(&left), Some(&reset)]);
    }
    let reply = ask(&service.client(), "login", &phone(10)).await.refused(429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("6"));
    assert_eq!(standing(&reply), [Some("10"), Some("0"), Some("60")]);
    assert_eq!(service.inbox().await.len(), 10);
    let _ = ask(&service.client_at(address(1)), "login", &phone(10)).await.expect(200);

    service.advance(just_before(Duration::from_secs(6)));
    ask(&service.client(), "login", &phone(11)).await.refused(429, "rate_limited");
    service.advance(SHORT);
    let _ = ask(&service.client(), "login", &phone(11)).await.expect(200);
    ask(&service.client(), "login", &phone(12)).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn requests_that_are_refused_for_their_body_count_on_the_address() {
    let service = Service::start().await;
    let client = service.client();
    for _ in 0..10 {
        ask(&client, "register", "nonsense").await.refused(400, "validation_failed");
    }
    // 429 comes before 400, and before the right request.
    ask(&client, "register", "nonsense").await.refused(429, "rate_limited");
    ask(&client, "register", PHONE).await.refused(429, "rate_limited");
    assert!(service.inbox().await.is_empty());
}

#[tokio::test]
async fn status_and_confirm_share_the_limit_of_public_requests() {
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "60/60")]).await;
    let client = service.client();
    let (id, code) = client.start("register", PHONE).await;
    for n in 0..30 {
        let reply = status(&client, &id).await.expect(200);
        let (left, reset) = ((59 - 2 * n).to_string(), (2 * n + 1).to_string());
        assert_eq!(standing(&reply), [Some("60"), Some(&left), Some(&reset)]);
        client.confirm("login", &id, &code).await.refused(400, "verification_invalid");
    }
    status(&client, &id).await.refused(429, "rate_limited");
    let reply = client.confirm("register", &id, &code).await.refused(429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(status(&client, "not-an-id").await.code(), "rate_limited");
    let other = service.client_at(address(1));
    assert_eq!(status(&other, &id).await.expect(200).json()["verified"], false);
    let _ = other.confirm("register", &id, &code).await.expect(200);
}

#[tokio::test]
async fn an_ipv6_network_of_64_bits_is_one_address() {
    let service = Service::start().await;
    let at = |text: &str| service.client_at(text.parse::<IpAddr>().unwrap());
    for n in 0..10 {
        let client = at(&format!("2001:db8:1:2:{n:x}::{n:x}"));
        let _ = ask(&client, "register", &phone(n)).await.expect(200);
    }
    let inside = at("2001:db8:1:2:ffff:ffff:ffff:ffff");
    ask(&inside, "register", &phone(10)).await.refused(429, "rate_limited");
    for outside in ["2001:db8:1:3::", "2001:db8:1:1:ffff:ffff:ffff:ffff"] {
        let reply = ask(&at(outside), "register", &phone(10)).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), Some("9"));
    }
    // An IPv4 address is the same however it is written, and none of a network.
    let _ = ask(&at("192.0.2.1"), "register", &phone(11)).await.expect(200);
    let reply = ask(&at("::ffff:192.0.2.1"), "register", &phone(11)).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), Some("8"));
    let reply = ask(&at("::ffff:192.0.2.2"), "register", &phone(11)).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), Some("9"));
}

#[tokio::test]
async fn headers_that_claim_an_address_are_ignored() {
    let service = Service::start().await;
    let claiming = |n: u16| {
        let address = address(n).to_string();
        service
            .client()
            .with_header("x-forwarded-for", &address)
            .with_header("forwarded", &format!("for={address}"))
            .with_header("x-real-ip", &address)
            .with_header("true-client-ip", &address)
            .with_header("cf-connecting-ip", &address)
    };
    for n in 0..10 {
        let _ = ask(&claiming(n), "register", &phone(n)).await.expect(200);
    }
    ask(&claiming(10), "register", &phone(10)).await.refused(429, "rate_limited");
    // Nor does claiming an address use up what its owner has.
    let victim = service.client_at(address(3));
    let reply = ask(&victim, "register", &phone(10)).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), Some("9"));
}

#[tokio::test]
async fn an_address_is_counted_first_and_a_number_only_when_the_address_may_ask() {
    let service = Service::start().await;
    let client = service.client();
    assert_eq!(use_up(&service, 0..10, PHONE).await, 5);
    // What the number's limit refuses has been counted by the address.
    for left in ["9", "8", "7"] {
        let reply = ask(&client, "register", PHONE).await.refused(429, "rate_limited");
        assert_eq!(standing(&reply)[..2], [Some("10"), Some(left)]);
    }
    for n in 0..7 {
        let _ = ask(&client, "register", &phone(n)).await.expect(200);
    }
    // Now the address is used up, and what it asks for takes nothing from a number.
    for _ in 0..20 {
        ask(&client, "register", OTHER_PHONE).await.refused(429, "rate_limited");
    }
    assert_eq!(use_up(&service, 20..30, OTHER_PHONE).await, 5);
    assert_eq!(service.inbox().await.len(), 17);
}

#[tokio::test]
async fn answers_tell_the_standing_of_the_address_and_never_of_the_number() {
    let service = Service::start().await;
    for n in 0..4 {
        let _ = ask(&service.client_at(address(n)), "register", PHONE).await.expect(200);
    }
    // With one code left for this number and five for that, both are told the same.
    for (n, number) in [(10, PHONE), (11, OTHER_PHONE)] {
        let reply = ask(&service.client_at(address(n)), "login", number).await.expect(200);
        assert_eq!(standing(&reply), [Some("10"), Some("9"), Some("6")]);
    }
}

#[tokio::test]
async fn strangers_do_not_shut_out_an_owner_who_shows_a_token() {
    let service = Service::start().await;
    let owner = service.client_at(address(500));
    let session = owner.sign_up(PHONE).await;
    assert_eq!(use_up(&service, 0..10, PHONE).await, 4, "one was the sign-up's");

    ask(&owner, "login", PHONE).await.refused(429, "rate_limited");
    for _ in 0..5 {
        let _ = ask_with_token(&owner, PHONE, &session.refresh).await.expect(200);
    }
    ask_with_token(&owner, PHONE, &session.refresh).await.refused(429, "rate_limited");
    assert_eq!(service.inbox().await.len(), 10);
}

#[tokio::test]
async fn an_owner_takes_nothing_from_the_common_lane() {
    let service = Service::start().await;
    let owner = service.client_at(address(500));
    let session = owner.sign_up(PHONE).await;
    service.advance(Duration::from_mins(1));
    for _ in 0..5 {
        let _ = ask_with_token(&owner, PHONE, &session.refresh).await.expect(200);
    }
    assert_eq!(use_up(&service, 0..10, PHONE).await, 5);
}

#[tokio::test]
async fn an_owner_also_resends_in_the_own_lane() {
    let service = Service::start().await;
    let owner = service.client_at(address(500));
    let session = owner.sign_up(PHONE).await;
    let started = ask_with_token(&owner, PHONE, &session.refresh).await.expect(200);
    service.advance(Duration::from_mins(1));
    assert_eq!(use_up(&service, 0..10, PHONE).await, 5);
    let id = super::id_of(&started);
    let _ = resend(&owner, &id).await.expect(200);
    let code = owner.last_code(PHONE).await;
    let _ = owner.confirm("login", &id, &code).await.expect(200);
    for _ in 0..4 {
        let _ = ask_with_token(&owner, PHONE, &session.refresh).await.expect(200);
    }
    ask_with_token(&owner, PHONE, &session.refresh).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn an_expired_or_ended_sessions_token_still_shows_the_owner() {
    let service = Service::start().await;
    let owner = service.client_at(address(500));
    let expired = owner.sign_up(PHONE).await;
    service.advance(Duration::from_hours(31 * 24));
    owner.refresh(&expired.refresh).await.refused(401, "token_expired");
    let ended = owner.log_in(PHONE, "phone-2").await;
    let _ = owner.clone().bearer(&ended.access).post("/auth/v1/logout", json!({})).await;
    service.advance(Duration::from_mins(1));

    assert_eq!(use_up(&service, 0..10, PHONE).await, 5);
    for token in [&expired.refresh, &ended.refresh] {
        let _ = ask_with_token(&owner, PHONE, token).await.expect(200);
    }
}

#[tokio::test]
async fn whatever_shows_no_owner_stays_in_the_common_lane() {
    let service = Service::start().await;
    let client = service.client_at(address(500));
    let victim = client.sign_up(PHONE).await;
    let stranger = client.sign_up(OTHER_PHONE).await;
    let elsewhere = Service::start().await;
    let foreign = elsewhere.client().sign_up(PHONE).await;
    service.advance(Duration::from_mins(1));

    assert_eq!(use_up(&service, 0..10, PHONE).await, 5);
    let mut forged = victim.refresh.clone();
    forged.pop();
    let tokens = [&stranger.refresh, &victim.access, &foreign.refresh, &forged, "nonsense"];
    for (n, token) in (100..).zip(tokens) {
        let client = service.client_at(address(n));
        ask_with_token(&client, PHONE, token).await.refused(429, "rate_limited");
    }
    // Nor has a number without an account an owner.
    let unknown = phone(1);
    assert_eq!(use_up(&service, 0..10, &unknown).await, 5);
    let client = service.client_at(address(200));
    ask_with_token(&client, &unknown, &stranger.refresh).await.refused(429, "rate_limited");
}

/// Asks with a token once the default tier of the number is used up.
async fn shows_an_owner(service: &Service, from: u16, token: &str) -> bool {
    service.advance(Duration::from_mins(1));
    let _ = use_up(service, from..from + 10, PHONE).await;
    let reply = ask_with_token(&service.client_at(address(from + 50)), PHONE, token).await;
    if reply.status != 200 {
        reply.refused(429, "rate_limited");
        return false;
    }
    true
}

#[tokio::test]
async fn an_earlier_token_shows_the_owner_for_400_days() {
    let service = Service::start().await;
    let session = service.client().sign_up(PHONE).await;
    let days = |days: u64| Duration::from_hours(24 * days);
    service.advance(days(399) + Duration::from_hours(23));
    assert!(shows_an_owner(&service, 0, &session.refresh).await);
    service.advance(Duration::from_hours(1));
    assert!(!shows_an_owner(&service, 100, &session.refresh).await);
}

#[tokio::test]
async fn a_token_of_a_session_that_ended_because_of_a_thief_shows_no_owner() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    assert!(shows_an_owner(&service, 0, &session.refresh).await);
    let bearer = client.clone().bearer(&session.access);
    let _ = bearer.post("/auth/v1/logout/all", json!({})).await.expect(204);
    assert!(!shows_an_owner(&service, 100, &session.refresh).await);

    service.advance(Duration::from_hours(1));
    let session = client.log_in(PHONE, "phone").await;
    let spent = session.refresh.clone();
    let _ = client.refresh(&spent).await.expect(200);
    service.advance(Duration::from_mins(1));
    assert!(shows_an_owner(&service, 200, &spent).await, "a spent token of a living session");
    for _ in 0..2 {
        let next = client.refresh(&spent).await;
        if next.status == 200 {
            let _ = client.refresh(next.json()["refreshToken"].as_str().unwrap()).await;
            service.advance(Duration::from_mins(1));
        }
    }
    client.refresh(&spent).await.refused(401, "session_ended");
    assert!(!shows_an_owner(&service, 300, &spent).await);
}

#[tokio::test]
async fn each_known_device_has_limits_of_its_own() {
    let service = Service::start().await;
    let client = service.client();
    let one = client.sign_up(PHONE).await;
    let other = client.log_in(PHONE, "another").await;
    for (n, token) in [(10, &one.refresh), (20, &other.refresh)] {
        for m in 0..5 {
            let client = service.client_at(address(n + m));
            let _ = ask_with_token(&client, PHONE, token).await.expect(200);
        }
        let client = service.client_at(address(n + 6));
        ask_with_token(&client, PHONE, token).await.refused(429, "rate_limited");
    }
}

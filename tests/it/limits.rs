//! Who is counted by what (section 1 of the contract): an address by public requests and by
//! failures, a session by its refreshes and by what is sent after its end, an account by its
//! bearer requests. And where the address comes from behind CloudFront: [`origin`].

mod origin;

use redis::AsyncCommands as _;
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33698765432";
const JWKS: &str = "/auth/.well-known/jwks.json";
const CODE_REQUEST: &str = "/auth/v1/verify/register/request";

fn at(service: &Service, address: &str) -> Client {
    service.client_at(address.parse().unwrap())
}

/// Sends until told to wait. Gives how many requests were answered otherwise, and the refusal.
async fn until_limited(ask: impl AsyncFn() -> Reply, at_most: u32) -> (u32, Reply) {
    for n in 0..=at_most {
        let reply = ask().await;
        if reply.status == 429 {
            return (n, reply.refused(429, "rate_limited"));
        }
    }
    panic!("no limit after {at_most} requests");
}

/// What is left of the account's limit.
async fn left_of_account(service: &Service, session: &Session) -> String {
    let reply = at(service, "192.0.2.200").ws_token(&session.access).await.expect(200);
    reply.header("ratelimit-remaining").expect("the account's limit").to_owned()
}

async fn log_out(client: &Client, session: &Session) {
    let client = client.clone().bearer(&session.access);
    let _ = client.post("/auth/v1/logout", json!({})).await.expect(204);
}

/// The phones of a campus share one address, and that address may be used up.
#[tokio::test]
async fn phones_behind_one_address_refresh_whatever_the_address_has_left() {
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "20/60")]).await;
    let mut sessions = Vec::new();
    for n in 0..30 {
        let elsewhere = at(&service, &format!("198.51.100.{n}"));
        sessions.push(elsewhere.sign_up(&format!("+336123456{n:02}")).await);
    }
    let campus = at(&service, "203.0.113.9");
    let (asked, _) = until_limited(async || campus.get(JWKS).await, 20).await;
    assert_eq!(asked, 20);
    for session in &sessions {
        let reply = campus.refresh(&session.refresh).await.expect(200);
        assert_eq!(reply.header("ratelimit-limit"), None, "a limit that is not the address's");
    }
    campus.get(JWKS).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn a_session_is_refreshed_thirty_times_a_minute_from_wherever() {
    let service = Service::start().await;
    let [one, other] = ["phone-1", "phone-2"];
    let _ = service.client().sign_up(PHONE).await;
    let one = service.client().log_in(PHONE, one).await;
    let other = service.client().log_in(PHONE, other).await;
    let mut token = one.refresh.clone();
    for n in 0..30 {
        let client = at(&service, &format!("198.51.100.{n}"));
        token = Session::from_reply(&client.refresh(&token).await.expect(200)).refresh;
    }
    let limited = at(&service, "198.51.100.99").refresh(&token).await;
    let limited = limited.refused(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), Some("2"), "one comes back every two seconds");
    let _ = service.client().refresh(&other.refresh).await.expect(200);
    // The refusal changed nothing: the token is still good.
    service.advance(Duration::from_secs(2));
    let _ = service.client().refresh(&token).await.expect(200);
    service.client().refresh(&token).await.refused(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_forty_refreshes_at_once_ten_are_let_through() {
    let service = Service::with(&[("RATE_LIMIT_REFRESH_SESSION", "10/60")]).await;
    let session = service.client().sign_up(PHONE).await;
    let sandbox = service.sandbox().await;
    let _ = sandbox.client().get(JWKS).await.expect(200);
    let requests = (0..40).map(|n: u32| {
        let edge = if n.is_multiple_of(2) { &service } else { &sandbox };
        let (client, token) = (edge.client(), session.refresh.clone());
        async move { client.refresh(&token).await }
    });
    let replies = together(requests).await;
    assert_eq!(tally(&replies), counts([("200", 10), ("429 rate_limited", 30)]));
}

#[tokio::test]
async fn a_refresh_that_fails_is_counted_by_its_address() {
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "5/60")]).await;
    let session = at(&service, "198.51.100.1").sign_up(PHONE).await;
    let failures = [
        (400, json!([])),
        (400, json!({})),
        (401, json!({ "refreshToken": "nonsense" })),
        (401, json!({ "refreshToken": session.access })),
        (401, json!({ "refreshToken": format!("{}x", session.refresh) })),
    ];
    for (n, (status, body)) in failures.iter().enumerate() {
        let client = at(&service, &format!("203.0.113.{n}"));
        let send = async || client.post("/auth/v1/tokens/refresh", body.clone()).await;
        let first = send().await.expect(*status);
        assert_eq!(first.header("ratelimit-remaining"), Some("4"), "{body}");
        let (more, _) = until_limited(send, 5).await;
        assert_eq!(more, 4, "{body}");
        // It does not keep the owner of a good token out.
        let reply = client.refresh(&session.refresh).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), None);
    }
    // An expired token is one that fails.
    service.advance(Duration::from_hours(24 * 31));
    let client = at(&service, "203.0.113.99");
    let (expired, _) = until_limited(async || client.refresh(&session.refresh).await, 5).await;
    assert_eq!(expired, 5);
}

#[tokio::test]
async fn a_refresh_token_of_an_ended_session_spends_nothing_of_its_address() {
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "5/60")]).await;
    let session = at(&service, "198.51.100.1").sign_up(PHONE).await;
    log_out(&at(&service, "198.51.100.2"), &session).await;
    let client = at(&service, "203.0.113.9");
    let (refused, _) = until_limited(async || client.refresh(&session.refresh).await, 30).await;
    assert_eq!(refused, 30);
    let jwks = client.get(JWKS).await.expect(200);
    assert_eq!(jwks.header("ratelimit-remaining"), Some("4"));
}

#[tokio::test]
async fn a_token_of_an_ended_session_spends_nobody_elses_allowance() {
    let service = Service::start().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    let [ended, live] = [client.log_in(PHONE, "a").await, client.log_in(PHONE, "b").await];
    log_out(&client, &ended).await;
    let thief = at(&service, "198.51.100.1");
    let before = left_of_account(&service, &live).await;
    let first = thief.ws_token(&ended.access).await.refused(401, "session_ended");
    assert_eq!(
        first.header("ratelimit-limit"),
        None,
        "the account's limit is none of its business"
    );
    let (more, _) = until_limited(async || thief.ws_token(&ended.access).await, 300).await;
    assert_eq!(more, 299);
    let after = left_of_account(&service, &live).await;
    let [before, after] = [before, after].map(|left| left.parse::<u32>().unwrap());
    assert_eq!(before - after, 1, "one request of the live session's own");
    let jwks = thief.get(JWKS).await.expect(200);
    assert_eq!(jwks.header("ratelimit-remaining"), Some("299"));

    // The row decides where Redis has lost the tombstone: no difference.
    let mut redis = service.redis().await;
    let () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    let (asked, _) = until_limited(async || thief.ws_token(&ended.access).await, 301).await;
    assert_eq!(asked, 300);
    assert_eq!(left_of_account(&service, &live).await, "299");
}

/// The entry of a live session in Redis lasts a minute. Without it the row is asked, and the
/// account is counted as always.
#[tokio::test]
async fn a_session_that_redis_does_not_know_is_counted_once_by_its_account() {
    let service = Service::start().await;
    let session = service.client().sign_up(PHONE).await;
    let mut redis = service.redis().await;
    for left in ["299", "298", "297"] {
        let entries: Vec<String> = redis.keys("session:*").await.unwrap();
        let () = redis.del(entries).await.unwrap();
        assert_eq!(left_of_account(&service, &session).await, left);
        let entries: Vec<String> = redis.keys("session:*").await.unwrap();
        assert_eq!(entries.len(), 1, "its entry is written again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_forty_requests_at_once_an_ended_session_is_answered_ten() {
    let service = Service::with(&[("RATE_LIMIT_BEARER_SESSION", "10/60")]).await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    log_out(&client, &session).await;
    let sandbox = service.sandbox().await;
    let _ = sandbox.client().get(JWKS).await.expect(200);
    // First the tombstone says that it has ended, then only the row.
    for _ in 0..2 {
        let requests = (0..40).map(|n: u32| {
            let edge = if n.is_multiple_of(2) { &service } else { &sandbox };
            let (client, token) = (edge.client(), session.access.clone());
            async move { client.ws_token(&token).await }
        });
        let replies = together(requests).await;
        assert_eq!(tally(&replies), counts([("401 session_ended", 10), ("429 rate_limited", 30)]));
        let mut redis = service.redis().await;
        let () = redis::cmd("FLUSHDB").query_async(&mut redis).await.unwrap();
    }
}

/// Bundles are counted by their targets too, and a one-time key is worth a quota.
#[tokio::test]
async fn an_ended_session_takes_no_quota_of_its_accounts_others() {
    let service = Service::start().await;
    let client = service.client();
    let keys = tests::Keys::new().bundle(1..30, 1..3);
    let target = client.sign_up_with(OTHER_PHONE, keys).await;
    let _ = client.sign_up(PHONE).await;
    let [ended, live] = [client.log_in(PHONE, "a").await, client.log_in(PHONE, "b").await];
    log_out(&client, &ended).await;
    let path = format!("/auth/v1/signal/keys/{}/devices/{}", target.user, target.device);
    for _ in 0..15 {
        let reply = client.clone().bearer(&ended.access).get(&path).await;
        reply.refused(401, "session_ended");
    }
    for _ in 0..10 {
        let bundle = client.clone().bearer(&live.access).get(&path).await.expect(200).json();
        assert!(bundle["preKey"].is_object(), "its ten one-time keys are its own");
    }
}

#[tokio::test]
async fn an_address_sends_three_hundred_public_requests_a_minute() {
    let service = Service::start().await;
    let first = service.client().get(JWKS).await.expect(200);
    let told =
        ["limit", "remaining", "reset"].map(|name| first.header(&format!("ratelimit-{name}")));
    assert_eq!(told, [Some("300"), Some("299"), Some("1")]);
    let (more, limited) = until_limited(async || service.client().get(JWKS).await, 300).await;
    assert_eq!(more, 299);
    assert_eq!(limited.header("ratelimit-remaining"), Some("0"));
    assert_eq!(limited.header("retry-after"), Some("1"), "five come back each second");
    assert_eq!(limited.json()["retryAfterSeconds"], 1);

    // All public routes share it; health, and everybody else, have nothing to do with it.
    let client = service.client();
    client.get("/auth/swagger-json").await.refused(429, "rate_limited");
    client.confirm("login", &uuid::Uuid::nil().to_string(), "1").await.refused(429, "rate_limited");
    client.post("/auth/v1/login", json!({})).await.refused(429, "rate_limited");
    let _ = client.get("/auth/v1/health").await.expect(200);
    let _ = at(&service, "203.0.113.8").get(JWKS).await.expect(200);
    service.advance(Duration::from_millis(200));
    let _ = client.get(JWKS).await.expect(200);
    client.get(JWKS).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn an_ipv6_host_has_one_limit_for_its_whole_network() {
    let service = Service::with(&[("RATE_LIMIT_PUBLIC_ADDRESS", "60/60")]).await;
    let ask = async || at(&service, "2001:db8:1:2::1").get(JWKS).await;
    assert_eq!(until_limited(ask, 61).await.0, 60);
    for neighbour in ["2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff"] {
        at(&service, neighbour).get(JWKS).await.refused(429, "rate_limited");
    }
    let _ = at(&service, "2001:db8:1:3::1").get(JWKS).await.expect(200);
    // An IPv4 address in IPv6 clothes is that IPv4 address.
    let plain = at(&service, "203.0.113.9").get(JWKS).await.expect(200);
    let dressed = at(&service, "::ffff:203.0.113.9").get(JWKS).await.expect(200);
    assert_eq!(plain.header("ratelimit-remaining"), Some("59"));
    assert_eq!(dressed.header("ratelimit-remaining"), Some("58"));
}

/// Whoever rents a /48 has 65,536 networks of /64.
#[tokio::test]
async fn code_requests_of_ipv6_are_counted_per_56_and_48_too() {
    let service = Service::start().await;
    // A body without a number: only the address is counted.
    let asked = async |address: [u16; 8]| {
        let client = service.client_at(IpAddr::from(address));
        client.post(CODE_REQUEST, json!({})).await.status.as_u16()
    };
    let network = |c: u16, d: u16| [0x2001, 0xdb8, c, d, 0, 0, 0, 1];
    let mut passed = Vec::new();
    for (third, fourth) in [(1, 0x0100), (1, 0x0101), (1, 0x0102), (1, 0x0200), (1, 0x0300)] {
        let mut count = 0;
        while count < 11 && asked(network(third, fourth)).await == 400 {
            count += 1;
        }
        passed.push(count);
    }
    // A /64 has ten, a /56 twenty, a /48 forty.
    assert_eq!(passed, [10, 10, 0, 10, 10]);
    assert_eq!(asked(network(1, 0x0400)).await, 429, "the whole /48 is used up");
    assert_eq!(asked(network(2, 0x0400)).await, 400);
    let reply = service.client_at(IpAddr::from(network(3, 0))).post(CODE_REQUEST, json!({})).await;
    let told = ["limit", "remaining"].map(|name| reply.header(&format!("ratelimit-{name}")));
    assert_eq!(told, [Some("10"), Some("9")], "the caller is told of its own network");
}

#[tokio::test]
async fn each_of_these_limits_can_be_set() {
    let variables = [
        ("RATE_LIMIT_REFRESH_SESSION", "2/60"),
        ("RATE_LIMIT_BEARER_SESSION", "3/60"),
        ("RATE_LIMIT_PUBLIC_ADDRESS", "4/60"),
        ("RATE_LIMIT_BEARER_ACCOUNT", "5/60"),
    ];
    let service = Service::with(&variables).await;
    let session = service.client().sign_up(PHONE).await;
    let elsewhere = at(&service, "198.51.100.1");
    let refresh = async || elsewhere.refresh(&session.refresh).await;
    assert_eq!(until_limited(refresh, 3).await.0, 2);
    assert_eq!(until_limited(async || elsewhere.get(JWKS).await, 5).await.0, 4);
    let bearer = async || elsewhere.ws_token(&session.access).await;
    assert_eq!(until_limited(bearer, 6).await.0, 5);
    service.advance(Duration::from_mins(1));
    log_out(&elsewhere, &session).await;
    assert_eq!(until_limited(bearer, 4).await.0, 3);
}

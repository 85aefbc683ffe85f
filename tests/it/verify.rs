//! Section 2 of the contract: verifying a phone number. By file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`request`] | answers, spellings, switches, the words of the message |
//! | [`confirm`] | the lives of code and record, wrong codes, binding, misfits |
//! | [`resend`] | new codes for a running verification |
//! | [`limits`] | how often one may ask, in which tier |
//! | [`races`] | all of it at once, over two sandboxes |
//! | [`pepper`] | a pepper that is replaced while verifications run |
//! | [`repeats`] | a shipped client that requests again and goes on with its first id |
//! | [`secrecy`] | what nobody learns: who has an account, numbers and codes in Redis |

mod confirm;
mod limits;
mod pepper;
mod races;
mod repeats;
mod request;
mod resend;
mod secrecy;

use domain::ids::VerificationId;
use http::HeaderMap;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tests::stores::Stores;
use tests::{Client, Reply, Service};

pub const PHONE: &str = "+33612345678";
pub const OTHER_PHONE: &str = "+33698765432";

/// The least time there is.
pub const SHORT: Duration = Duration::from_millis(1);

/// So long that it is not yet over.
pub fn just_before(wait: Duration) -> Duration {
    wait.saturating_sub(SHORT)
}

/// Asks for a code.
pub async fn ask(client: &Client, purpose: &str, phone: &str) -> Reply {
    client
        .post(&format!("/auth/v1/verify/{purpose}/request"), json!({ "phoneNumber": phone }))
        .await
}

/// Asks for a code for a new account, as a device. Returns the id and the code.
pub async fn start_bound(client: &Client, phone: &str, device: Option<&str>) -> (String, String) {
    let body = json!({ "phoneNumber": phone, "deviceId": device });
    let reply = client.post("/auth/v1/verify/register/request", body).await.expect(200);
    (id_of(&reply), client.last_code(phone).await)
}

/// Confirms it, as the device `phone-1`.
pub async fn confirm_bound(client: &Client, id: &str, code: &str) -> Reply {
    let body = json!({ "verificationId": id, "code": code, "deviceId": "phone-1" });
    client.post("/auth/v1/verify/register/confirm", body).await
}

/// Asks for another code.
pub async fn resend(client: &Client, id: &str) -> Reply {
    client.post(&format!("/auth/v1/verify/{id}/resend"), json!({})).await
}

/// Asks where a verification stands.
pub async fn status(client: &Client, id: &str) -> Reply {
    client.get(&format!("/auth/v1/verify/{id}")).await
}

/// The id in the answer to a request.
pub fn id_of(reply: &Reply) -> String {
    reply.json()["verificationId"].as_str().expect("an id").to_owned()
}

/// Codes that are not this one, all different.
pub fn wrong_codes(right: &str) -> impl Iterator<Item = String> {
    let length = right.len();
    let range = 10_u64.pow(u32::try_from(length).expect("a length"));
    let right: u64 = right.parse().expect("digits");
    (1..1_000_000).map(move |n| format!("{:0length$}", (right + n) % range))
}

pub fn wrong_code(right: &str) -> String {
    wrong_codes(right).next().expect("a wrong code")
}

/// The n-th of many addresses, each in a network of its own.
pub fn address(n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, high, low, 7))
}

/// The n-th of many numbers.
pub fn phone(n: u16) -> String {
    assert!(n < 10_000);
    format!("+3361234{n:04}")
}

/// Two sandboxes of one service: the same stores, keys and time.
pub async fn sandboxes(variables: &[(&str, &str)]) -> [Service; 2] {
    let keys = local::service::new_keys();
    let keys = keys.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let variables: Vec<_> = keys.chain(variables.iter().copied()).collect();
    let stores = Stores::fresh().await;
    let one = Service::over(stores.clone(), &variables).await;
    let other = Service::over(stores, &variables).await;
    other.advance(one.now().since(other.now()));
    one.advance(other.now().since(one.now()));
    [one, other]
}

/// How many answers have this status.
pub fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// An answer without the ids that make it unique.
pub fn anonymous(reply: &Reply) -> (u16, HeaderMap, Value) {
    let (mut headers, mut body) = (reply.headers.clone(), reply.json());
    headers.remove("x-request-id");
    for id in ["verificationId", "requestId"] {
        if !body[id].is_null() {
            body[id] = "an id".into();
        }
    }
    (reply.status.as_u16(), headers, body)
}

/// The key of a verification's record.
pub fn record_key(id: &str) -> String {
    let parsed = VerificationId::from_uuid(id.parse().expect("a UUID"));
    format!("verification:{{{}}}:{id}", parsed.phone_slot().expect("a slot"))
}

/// Redis keys that match a pattern.
pub async fn keys(service: &Service, pattern: &str) -> Vec<String> {
    let mut redis = service.redis().await;
    redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await.expect("keys")
}

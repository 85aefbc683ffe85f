//! What keeps strangers from guessing and from sending at our cost: the length of codes,
//! the budgets, the breaker, test numbers and the challenge hook.

mod breaker;
mod budgets;
mod code_length;
mod hooks;
mod order;
mod simulation;

use axum::Router;
use axum::extract::Form;
use axum::http::StatusCode;
use serde_json::json;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use tests::service::listen;
use tests::{Reply, Service};

/// A French mobile number: block and number within it.
fn french(block: u32, number: u32) -> String {
    format!("+336{:04}{:04}", 1000 + block, number)
}

/// An address of its own for each caller, in a network of its own, so that the limits of
/// addresses stay out of it.
fn elsewhere(n: u32) -> IpAddr {
    assert!(n < 0x1_0000);
    IpAddr::V4(Ipv4Addr::from(0x0A00_0007 + (n << 8))) // 10.0.0.0/8
}

/// Asks for a code from the `n`th address.
async fn request(service: &Service, n: u32, phone: &str) -> Reply {
    let body = json!({ "phoneNumber": phone });
    service.client_at(elsewhere(n)).post("/auth/v1/verify/register/request", body).await
}

/// Asks for a code and enters it.
async fn confirmed(service: &Service, n: u32, phone: &str) {
    let client = service.client_at(elsewhere(n));
    let _ = client.verified("register", phone).await;
}

/// Variables of a service whose sender cannot be reached.
pub const UNREACHABLE_SENDER: [(&str, &str); 5] = [
    ("SMS_SENDER", "twilio"),
    ("TWILIO_ACCOUNT_SID", "AC0"),
    ("TWILIO_AUTH_TOKEN", "token"),
    ("TWILIO_FROM", "+15005550006"),
    // Nothing listens there.
    ("TWILIO_API_URL", "http://127.0.0.1:9"),
];

/// The same service with a sender that first does something with the text, and then refuses to send it.
pub async fn refusing_after<F, W>(service: &Service, work: F) -> Service
where
    F: Fn(String) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = ()> + Send,
{
    let refuse = async move |Form(message): Form<HashMap<String, String>>| {
        work(message["Body"].clone()).await;
        StatusCode::BAD_REQUEST
    };
    let url = listen(Router::new().fallback(refuse)).await;
    let mut variables: [(&str, &str); 5] = UNREACHABLE_SENDER;
    variables[4].1 = &url;
    service.with_more(&variables).await
}

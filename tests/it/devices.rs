//! Devices of an account: what their user sees of them, who may remove which, and that there are
//! never more than ten.

mod history;
mod limit;
mod list;
mod newcomers;
mod removal_races;
mod remove;

use http::Method;
use serde_json::{Value, json};
use tests::{Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33687654321";
const DEVICE: &str = "/auth/v1/device";
const UNKNOWN: &str = "0190a5d0-0000-7000-8000-000000000000";
const DEVICES: &str = "SELECT count(*) FROM auth.devices";

/// No limits on how often one may ask.
async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

async fn legacy() -> Service {
    Service::with(&[("RATE_LIMITS", "off"), ("LEGACY_CLIENTS", "true")]).await
}

/// The client of a session.
fn of(service: &Service, session: &Session) -> Client {
    service.client().bearer(&session.access)
}

/// The session with a new token.
async fn refreshed(service: &Service, session: &Session) -> Session {
    Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200))
}

async fn list(service: &Service, session: &Session) -> Vec<Value> {
    let reply = of(service, session).get(DEVICE).await.expect(200);
    reply.json().as_array().expect("an array").clone()
}

async fn remove(service: &Service, by: &Session, device: &str, body: Value) -> Reply {
    of(service, by).send(Method::DELETE, &format!("{DEVICE}/{device}"), &body).await
}

async fn patch(service: &Service, by: &Session, device: &str, body: Value) -> Reply {
    of(service, by).send(Method::PATCH, &format!("{DEVICE}/{device}"), &body).await
}

async fn log_in(service: &Service, body: Value) -> Reply {
    let client = service.client();
    let mut body = body;
    body["verificationId"] = client.verified("login", PHONE).await.into();
    client.post("/auth/v1/login", body).await
}

/// Whether the very next request of a session is taken: its access token, then its refresh token.
async fn is_alive(service: &Service, session: &Session) -> bool {
    let reply = service.client().ws_token(&session.access).await;
    if reply.status.is_success() {
        return true;
    }
    reply.refused(401, "session_ended");
    service.client().refresh(&session.refresh).await.refused(401, "session_ended");
    false
}

async fn security_events(service: &Service, event: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM auth.security_events WHERE entry::jsonb->>'event' = '{event}'"
    );
    service.count(&query).await
}

fn ids(devices: &[Value]) -> Vec<&str> {
    devices.iter().map(|device| device["id"].as_str().unwrap()).collect()
}

/// A first device, and others that logged in by SMS alone, each a minute after the one before.
async fn devices(service: &Service, count: usize) -> Vec<Session> {
    let mut sessions = vec![service.client().sign_up(PHONE).await];
    for n in 1..count {
        service.advance(std::time::Duration::from_mins(1));
        sessions.push(service.client().log_in(PHONE, &format!("phone-{n}")).await);
    }
    sessions
}

#[tokio::test]
async fn no_route_takes_a_device_that_is_not_the_callers() {
    let service = unlimited().await;
    let own = service.client().sign_up(PHONE).await;
    let foreign = service.client().sign_up(OTHER_PHONE).await;
    let client = of(&service, &own);
    for (device, status, code) in [
        (foreign.device.as_str(), 404, "device_not_found"),
        (UNKNOWN, 404, "device_not_found"),
        ("x", 400, "id_malformed"),
        ("0190a5d0000070008000000000000000", 400, "id_malformed"),
    ] {
        let path = format!("{DEVICE}/{device}");
        client.get(&path).await.refused(status, code);
        let body = json!({ "deviceName": "Mine now" });
        patch(&service, &own, device, body).await.refused(status, code);
        remove(&service, &own, device, json!({})).await.refused(status, code);
    }
    assert_eq!(service.count(DEVICES).await, 2);
    assert!(is_alive(&service, &foreign).await);
    assert_ne!(list(&service, &foreign).await[0]["deviceName"], "Mine now");
    let written = "SELECT count(*) FROM auth.outbox WHERE topic = 'device.removed'";
    assert_eq!(service.count(written).await, 0);
}

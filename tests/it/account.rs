//! The account, by file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`phone`] | the number changes: verification, proofs, refusals |
//! | [`deletion`] | what a deletion erases, and what stays |
//! | [`read`] | overview and export |
//! | [`lock`] | the registration lock at log-ins |
//! | [`start_over`] | idle accounts, and numbers that get a new account |
//! | [`undo`] | an older device takes changes back |
//! | [`newcomers`] | what a SIM swapper may not do |
//! | [`cells`] | a log-in for each cell of the table in docs/security.md |
//! | [`races`] | many requests at once |
//! | [`repeats`] | a lost connection at each exchange |

mod cells;
mod deletion;
mod lock;
mod newcomers;
mod phone;
mod races;
mod read;
mod repeats;
mod start_over;
mod undo;

use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Authenticator, Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const NEW_PHONE: &str = "+33698765432";
const DAY: Duration = Duration::from_hours(24);
const STEP: Duration = Duration::from_secs(30);

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

fn of(service: &Service, session: &Session) -> Client {
    service.client().bearer(&session.access)
}

async fn put_phone(client: &Client, body: Value) -> Reply {
    client.send(Method::PUT, "/auth/v1/account/phone-number", &body).await
}

async fn put_lock(client: &Client, body: Value) -> Reply {
    client.send(Method::PUT, "/auth/v1/account/registration-lock", &body).await
}

async fn delete_lock(client: &Client, body: Value) -> Reply {
    client.send(Method::DELETE, "/auth/v1/account/registration-lock", &body).await
}

async fn delete_account(client: &Client, body: Value) -> Reply {
    client.send(Method::DELETE, "/auth/v1/account", &body).await
}

/// Sets the lock. Gives its recovery code.
async fn locked(service: &Service, session: &Session) -> String {
    let reply = put_lock(&of(service, session), json!({})).await.expect(200);
    reply.json()["recoveryCode"].as_str().expect("a code").to_owned()
}

/// Enables a second factor with the code of the step before this one.
pub(crate) async fn with_second_factor(service: &Service, session: &Session) -> Authenticator {
    let client = of(service, session);
    let reply = client.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
    let app = Authenticator::from_base32(reply["secret"].as_str().expect("a secret"));
    let body = json!({ "token": app.at(service.now()) });
    let _ = client.post("/auth/v1/2fa/enable", body).await.expect(200);
    service.advance(STEP);
    app
}

async fn refreshed(service: &Service, session: &Session) -> Session {
    let reply = service.client().refresh(&session.refresh).await.expect(200);
    Session::from_reply(&reply)
}

async fn is_alive(service: &Service, session: &Session) -> bool {
    service.client().ws_token(&session.access).await.status == 200
}

/// Logs in with a new verification, on a device that has no fingerprint yet, and more fields.
async fn log_in(client: &Client, phone: &str, more: Value) -> Reply {
    let id = client.verified("login", phone).await;
    log_in_by(client, &id, more).await
}

async fn log_in_by(client: &Client, id: &str, more: Value) -> Reply {
    let mut body = json!({ "verificationId": id });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    client.post("/auth/v1/login", body).await
}

/// How many events of a topic the outbox has.
async fn told(service: &Service, topic: &str) -> i64 {
    service.count(&format!("SELECT count(*) FROM auth.outbox WHERE topic = '{topic}'")).await
}

async fn security_events(service: &Service, event: &str) -> i64 {
    let count = format!(
        "SELECT count(*) FROM auth.security_events WHERE entry::jsonb->>'event' = '{event}'"
    );
    service.count(&count).await
}

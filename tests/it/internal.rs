//! The function `internal`: through its handler, over real stores. By file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`refusals`] | who may not call, and calls in bad form |
//! | [`read`] | accounts, devices, tokens |
//! | [`changes`] | sessions, numbers, deletion; repeats; what the trail says |
//! | [`reset`] | a reset of the second factor: asked for, cancelled, in effect |
//! | [`client`] | the Rust client, over the SDK |
//! | [`schemas`] | the committed schemas and recorded events |

mod changes;
mod client;
mod read;
mod refusals;
mod reset;
mod schemas;

use internal::{InternalState, handle};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Client, Service, Session};
use uuid::Uuid;

use crate::account::with_second_factor;

const PHONE: &str = "+33612345678";
const NEW_PHONE: &str = "+33698765432";
const DAY: Duration = Duration::from_hours(24);
const INVOCATION: &str = "5f0c6b0e-8a43-4f0f-9f57-1f8b8f3f3f3f";

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

/// The function beside the others: the same stores, keys and clock.
fn state(service: &Service) -> InternalState {
    local::service::internal_state(&service.state)
}

/// Invokes the function.
async fn call(service: &Service, event: Value) -> Value {
    let answer = handle(&state(service), &event, INVOCATION).await;
    assert_eq!(tests::secrets::leaks(), Vec::<String>::new(), "a secret in the log");
    answer
}

/// The same with an operation that is to be made.
pub(crate) async fn done(service: &Service, event: Value) -> Value {
    let answer = call(service, event.clone()).await;
    assert!(answer.get("code").is_none(), "{event}: {answer}");
    answer
}

async fn refused(service: &Service, event: Value, status: u16, code: &str) -> Value {
    let answer = call(service, event.clone()).await;
    assert_eq!((&answer["status"], &answer["code"]), (&json!(status), &json!(code)), "{event}");
    assert_eq!(answer["requestId"], INVOCATION);
    answer
}

/// A change of an account under a new id.
pub(crate) fn change(operation: &str, user: &str) -> Value {
    json!({ "operation": operation, "requestId": new_id(), "userId": user })
}

fn new_id() -> String {
    Uuid::from_bytes(shared::clock::Rng.bytes()).to_string()
}

fn of(service: &Service, session: &Session) -> Client {
    service.client().bearer(&session.access)
}

async fn is_alive(service: &Service, session: &Session) -> bool {
    service.client().ws_token(&session.access).await.status == 200
}

async fn refreshed(service: &Service, session: &Session) -> Session {
    Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200))
}

/// How many events of a topic the outbox has.
async fn told(service: &Service, topic: &str) -> i64 {
    service.count(&format!("SELECT count(*) FROM auth.outbox WHERE topic = '{topic}'")).await
}

async fn notices(service: &Service, notice: &str, to: &str) -> i64 {
    service
        .count(&format!(
            "SELECT count(*) FROM auth.outbox WHERE topic = 'security.notice'
               AND payload->>'notice' = '{notice}' AND payload->>'to' = '{to}'"
        ))
        .await
}

/// The entries of a kind in the trails of all users.
pub(crate) async fn entries(service: &Service, event: &str) -> Vec<Value> {
    let rows = service
        .rows(&format!(
            "SELECT entry::jsonb AS entry FROM auth.security_events
              WHERE entry::jsonb->>'event' = '{event}' ORDER BY user_id, seq"
        ))
        .await;
    rows.into_iter().map(|row| row["entry"].clone()).collect()
}

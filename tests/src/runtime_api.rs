//! A double of the Lambda Runtime API, on a port of this machine: hands events to the program of one function,
//! and takes what it answers.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use uuid::Uuid;

use crate::service::listen;

/// What became of an event.
#[derive(Debug)]
pub struct Outcome {
    /// `response` or `error`.
    pub kind: String,
    pub answer: Value,
    /// From when the event was handed out until the answer was there: what Lambda bills.
    pub took: Duration,
}

struct Waiting {
    id: Uuid,
    event: Bytes,
    outcome: oneshot::Sender<Outcome>,
}

struct Shared {
    events: Mutex<UnboundedReceiver<Waiting>>,
    running: SyncMutex<HashMap<Uuid, (Instant, oneshot::Sender<Outcome>)>>,
}

/// The running double; it ends with the test's runtime.
pub struct RuntimeApi {
    address: String,
    events: UnboundedSender<Waiting>,
}

impl RuntimeApi {
    pub async fn start() -> Self {
        let (events, to_hand_out) = unbounded_channel();
        let shared = Shared { events: to_hand_out.into(), running: SyncMutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(hand_out))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(take_answer))
            .route("/2018-06-01/runtime/init/error", post(take_failed_start))
            .with_state(Arc::new(shared));
        let url = listen(router).await;
        Self { address: url.trim_start_matches("http://").to_owned(), events }
    }

    /// What Lambda gives the program of a function beside the function's own variables.
    #[must_use]
    pub fn variables(&self, function: &str) -> [(&'static str, String); 6] {
        [
            ("AWS_LAMBDA_RUNTIME_API", self.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", format!("auth-{function}")),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group".to_owned()),
        ]
    }

    /// Hands these bytes out under an id that no other running event has.
    pub async fn invoke(&self, id: Uuid, event: Bytes) -> Outcome {
        let (outcome, told) = oneshot::channel();
        let waiting = Waiting { id, event, outcome };
        assert!(self.events.send(waiting).is_ok(), "events are handed out");
        told.await.expect("an outcome of every event")
    }
}

async fn hand_out(State(api): State<Arc<Shared>>) -> Response {
    let Some(Waiting { id, event, outcome }) = api.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", id.to_string()),
        ("lambda-runtime-deadline-ms", "9999999999999".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned(),
        ),
    ];
    let mut running = api.running.lock().unwrap_or_else(PoisonError::into_inner);
    running.insert(id, (Instant::now(), outcome));
    (headers, event).into_response()
}

async fn take_answer(
    State(api): State<Arc<Shared>>,
    Path((id, kind)): Path<(Uuid, String)>,
    body: Bytes,
) -> StatusCode {
    let ended = Instant::now();
    let running = api.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    let Some((begun, outcome)) = running else { return StatusCode::BAD_REQUEST };
    let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let _ = outcome.send(Outcome { kind, answer, took: ended - begun });
    StatusCode::ACCEPTED
}

/// The next event is told: nobody will run it.
async fn take_failed_start(State(api): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if let Some(Waiting { outcome, .. }) = api.events.lock().await.recv().await {
        let _ = outcome.send(Outcome { kind: "error".to_owned(), answer, took: Duration::ZERO });
    }
    StatusCode::ACCEPTED
}

//! What a function's program talks to in Lambda, and what stands in front of it: the Runtime API, from
//! which it takes one event after the other, and a gateway that makes the events of requests.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use local::service::FUNCTIONS;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};
use tests::service::system_now;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use uuid::Uuid;

/// As template.yaml gives a function for an event.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An event, and who waits for its answer.
type Waiting = (Value, oneshot::Sender<Value>);

/// The Runtime API of one function.
pub struct RuntimeApi {
    events: (UnboundedSender<Waiting>, Mutex<UnboundedReceiver<Waiting>>),
    asked: AtomicU64,
    running: SyncMutex<HashMap<Uuid, (Instant, oneshot::Sender<Value>)>>,
    /// From when an event is handed out until its answer is there: what Lambda bills.
    durations: SyncMutex<Vec<Duration>>,
}

impl RuntimeApi {
    pub fn new() -> Arc<Self> {
        let (send, receive) = unbounded_channel();
        Arc::new(Self {
            events: (send, Mutex::new(receive)),
            asked: AtomicU64::new(0),
            running: SyncMutex::default(),
            durations: SyncMutex::default(),
        })
    }

    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .fallback(failed)
            .with_state(self.clone())
    }

    /// The durations since the last call.
    pub fn take_durations(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.durations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn invoke(&self, event: Value) -> Value {
        let (answer, answered) = oneshot::channel();
        self.events.0.send((event, answer)).expect("events are received");
        answered.await.expect("an answer to every event")
    }
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    let waiting = api.events.1.lock().await.recv().await;
    let (event, answer) = waiting.expect("the gateway lives as long");
    let id = Uuid::from_u64_pair(1, api.asked.fetch_add(1, Ordering::Relaxed));
    let deadline = (system_now() + TIMEOUT).millis();
    let headers = [
        ("lambda-runtime-aws-request-id", id.to_string()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:000000000000:function:bench".to_owned(),
        ),
    ];
    let body = event.to_string();
    let mut running = api.running.lock().unwrap_or_else(PoisonError::into_inner);
    running.insert(id, (Instant::now(), answer));
    (headers, body).into_response()
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> StatusCode {
    let ended = Instant::now();
    let running = api.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    let (begun, answer) = running.expect("an answer to an event");
    let mut durations = api.durations.lock().unwrap_or_else(PoisonError::into_inner);
    durations.push(ended - begun);
    let _ = answer.send(serde_json::from_slice(&body).expect("an answer in JSON"));
    StatusCode::ACCEPTED
}

/// The function could not start, or has failed.
async fn failed(request: Request) {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    // Whoever waits for the answer would wait for ever.
    eprintln!("{path}: {}", String::from_utf8_lossy(&body.unwrap_or_default()));
    std::process::exit(1);
}

/// Takes every operation to the function that template.yaml has for it.
pub fn gateway(functions: &HashMap<&'static str, Arc<RuntimeApi>>) -> Router {
    let mut router = Router::new();
    for function in FUNCTIONS {
        let Some(api) = functions.get(function.name) else { continue };
        for path in (function.document)().paths.paths.keys() {
            router = router.route(path, any(forward).with_state(api.clone()));
        }
    }
    router
}

async fn forward(State(api): State<Arc<RuntimeApi>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let headers: Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let answer = api
        .invoke(json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": head.uri.path(),
            "rawQueryString": head.uri.query().unwrap_or_default(),
            "headers": headers,
            "requestContext": {
                "accountId": "000000000000", "apiId": "bench", "domainName": "bench",
                "domainPrefix": "bench", "requestId": "bench", "routeKey": "$default",
                "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000",
                "timeEpoch": system_now().millis(),
                "http": {
                    "method": head.method.as_str(), "path": head.uri.path(),
                    "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench",
                },
            },
            "body": String::from_utf8_lossy(&body),
            "isBase64Encoded": false,
        }))
        .await;
    answered(&answer)
}

fn answered(answer: &Value) -> Response {
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        BASE64.decode(text).expect("base64")
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    *response.status_mut() =
        StatusCode::from_u16(status.expect("a status")).expect("a status of HTTP");
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name).expect("a header's name");
        let value = HeaderValue::try_from(value.as_str().expect("a header")).expect("its value");
        response.headers_mut().insert(name, value);
    }
    response
}

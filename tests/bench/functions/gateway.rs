//! What stands in front of the functions in AWS: takes each request to its function, as an event.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http_body_util::BodyExt as _;
use local::service::FUNCTIONS;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tests::Reply;
use tests::runtime_api::RuntimeApi;
use tests::service::system_now;
use uuid::Uuid;

/// A function behind the gateway.
pub struct Backend {
    api: RuntimeApi,
    asked: AtomicU64,
    durations: Mutex<Vec<Duration>>,
}

impl Backend {
    pub fn new(api: RuntimeApi) -> Self {
        Self { api, asked: AtomicU64::new(0), durations: Mutex::default() }
    }

    /// How long its events took, since the last call.
    pub fn take_durations(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.durations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn invoke(&self, event: &Value) -> Value {
        let id = Uuid::from_u64_pair(1, self.asked.fetch_add(1, Ordering::Relaxed));
        let outcome = self.api.invoke(id, event.to_string().into()).await;
        if outcome.kind != "response" {
            // Whoever waits for the answer would wait for ever.
            eprintln!("a function failed: {}", outcome.answer);
            std::process::exit(1);
        }
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        durations.push(outcome.took);
        outcome.answer
    }
}

/// Takes every operation to the function that template.yaml has for it.
pub fn gateway(functions: &HashMap<&'static str, Arc<Backend>>) -> Router {
    let mut router = Router::new();
    for function in FUNCTIONS {
        let Some(backend) = functions.get(function.name) else { continue };
        for path in (function.document)().paths.paths.keys() {
            router = router.route(path, any(forward).with_state(backend.clone()));
        }
    }
    router
}

async fn forward(State(backend): State<Arc<Backend>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let headers: Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let answer = backend
        .invoke(&json!({
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
    let reply = Reply::of_gateway(&answer);
    let mut response = Response::new(Body::from(reply.body));
    (*response.status_mut(), *response.headers_mut()) = (reply.status, reply.headers);
    response
}

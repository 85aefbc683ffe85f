//! The Lambda API as far as functions invoke each other by it, on a port of this machine: keeps what was
//! invoked, and answers as a test says.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

use crate::local_aws;
use crate::service::listen;

/// What an invocation is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The function answers this.
    With(Value),
    /// The function fails, after it was run or in the middle of it.
    FunctionError,
    /// The API refuses the invocation with this status.
    Refused(u16),
    /// Never: the function hangs.
    Hanging,
    /// The connection is closed in place of an answer.
    Dropping,
}

/// An invocation as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub function: String,
    /// `Event` or `RequestResponse`.
    pub kind: String,
    pub payload: Value,
}

type Decide = dyn Fn(&Invocation) -> Answer + Send + Sync;

struct Shared {
    decide: Mutex<Arc<Decide>>,
    came: Mutex<Vec<Invocation>>,
}

/// The running double; it ends with the test's runtime.
pub struct InvokeApi {
    pub url: String,
    shared: Arc<Shared>,
}

impl InvokeApi {
    /// Every function answers that it is done.
    pub async fn start() -> Self {
        let decide: Arc<Decide> = Arc::new(|_| Answer::With(json!({ "done": true })));
        let shared = Arc::new(Shared { decide: Mutex::new(decide), came: Mutex::new(Vec::new()) });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        Self { url: listen(router).await, shared }
    }

    /// From now on invocations are answered so.
    pub fn answer(&self, decide: impl Fn(&Invocation) -> Answer + Send + Sync + 'static) {
        *self.shared.decide.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(decide);
    }

    /// Everything that was invoked, the oldest first.
    #[must_use]
    pub fn came(&self) -> Vec<Invocation> {
        self.shared.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, and forgets it.
    #[must_use]
    pub fn take(&self) -> Vec<Invocation> {
        std::mem::take(&mut *self.shared.came.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A cloud whose functions are behind this API.
    #[must_use]
    pub fn cloud(&self) -> Arc<::aws::Aws> {
        Arc::new(::aws::Aws::new(local_aws::config(&self.url)))
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let path: Vec<&str> = parts.uri.path().split('/').collect();
    let ["", "2015-03-31", "functions", function, "invocations"] = path[..] else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = parts.headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or("RequestResponse").to_owned();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let payload = serde_json::from_slice(&body).unwrap_or_default();
    let invocation = Invocation { function: function.to_owned(), kind: kind.clone(), payload };
    let decide = shared.decide.lock().unwrap_or_else(PoisonError::into_inner).clone();
    shared.came.lock().unwrap_or_else(PoisonError::into_inner).push(invocation.clone());
    match decide(&invocation) {
        Answer::With(_) if kind == "Event" => StatusCode::ACCEPTED.into_response(),
        Answer::With(value) => (StatusCode::OK, value.to_string()).into_response(),
        Answer::FunctionError => {
            let error = json!({ "errorType": "Unhandled", "errorMessage": "a test" });
            ([("x-amz-function-error", "Unhandled")], error.to_string()).into_response()
        }
        Answer::Refused(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            let error = [("x-amzn-errortype", "TooManyRequestsException")];
            (status, error, json!({ "message": "a test" }).to_string()).into_response()
        }
        Answer::Hanging => std::future::pending().await,
        // The server closes the connection of a handler that panics.
        Answer::Dropping => panic!("the connection is to be closed"),
    }
}

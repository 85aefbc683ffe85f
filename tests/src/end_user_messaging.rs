//! A double of AWS End User Messaging, as far as this service uses it, on a port of this machine: it
//! speaks the API's JSON, keeps what it was sent, and answers as a test tells it to.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::service::listen;

/// What a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiMood {
    /// As for a message that is queued.
    Taking,
    /// This status and error, with words that hold what was sent. Nothing is sent.
    Refusing(u16, &'static str),
    /// The message is sent, and the call never answered.
    Hanging,
    /// The message is sent, and the connection closed in place of an answer.
    Dropping,
}

/// The refusal of more calls than an account may make.
pub const THROTTLED: ApiMood = ApiMood::Refusing(400, "ThrottlingException");

struct Shared {
    /// For the next calls that send.
    next: VecDeque<ApiMood>,
    /// For all others.
    sending: ApiMood,
    feedback: ApiMood,
    /// Every call: operation and body.
    calls: Vec<(String, Value)>,
    sent: Vec<Value>,
}

/// The running double; it ends with the test's runtime.
#[derive(Clone)]
pub struct EndUserMessaging {
    pub url: String,
    shared: Arc<Mutex<Shared>>,
}

impl EndUserMessaging {
    /// # Panics
    /// If no port can be had.
    pub async fn start() -> Self {
        let shared = Shared {
            next: VecDeque::new(),
            sending: ApiMood::Taking,
            feedback: ApiMood::Taking,
            calls: Vec::new(),
            sent: Vec::new(),
        };
        let shared = Arc::new(Mutex::new(shared));
        let router = Router::new().fallback(answer).with_state(shared.clone());
        Self { url: listen(router).await, shared }
    }

    /// What calls that send are answered from now on.
    pub fn set(&self, mood: ApiMood) {
        lock(&self.shared).sending = mood;
    }

    /// What the next calls that send are answered.
    pub fn set_next(&self, moods: &[ApiMood]) {
        lock(&self.shared).next = moods.iter().copied().collect();
    }

    /// What calls that report are answered from now on.
    pub fn set_feedback(&self, mood: ApiMood) {
        lock(&self.shared).feedback = mood;
    }

    /// The messages that went to phones, the oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Value> {
        lock(&self.shared).sent.clone()
    }

    /// The bodies of all calls of an operation, the oldest first.
    #[must_use]
    pub fn calls(&self, operation: &str) -> Vec<Value> {
        let shared = lock(&self.shared);
        let of_it = shared.calls.iter().filter(|(called, _)| called == operation);
        of_it.map(|(_, body)| body.clone()).collect()
    }

    /// The same of reports, once there are so many.
    ///
    /// # Panics
    /// If there are fewer for 10 seconds.
    pub async fn feedback(&self, count: usize) -> Vec<Value> {
        for _ in 0..1_000 {
            let calls = self.calls("PutMessageFeedback");
            if calls.len() >= count {
                return calls;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never so many: {count}");
    }
}

/// The id of the n-th message.
#[must_use]
pub fn message_id(n: usize) -> String {
    format!("5f1d0a52-0000-4000-8000-{n:012}")
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request<Body>) -> Response {
    let (operation, body) = read(request).await;
    let is_send = operation == "SendTextMessage";
    let (mood, answer) = {
        let mut shared = lock(&shared);
        shared.calls.push((operation, body.clone()));
        let sending = shared.sending;
        let mood =
            if is_send { shared.next.pop_front().unwrap_or(sending) } else { shared.feedback };
        if is_send && !matches!(mood, ApiMood::Refusing(..)) {
            shared.sent.push(body.clone());
        }
        let answer = if is_send {
            json!({ "MessageId": message_id(shared.sent.len()) })
        } else {
            json!({ "MessageId": body["MessageId"], "MessageFeedbackStatus": "RECEIVED" })
        };
        (mood, answer)
    };
    match mood {
        ApiMood::Taking => with_type(StatusCode::OK, &answer),
        ApiMood::Refusing(status, error) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            let words = format!("The message {body} was refused");
            let reason = "DESTINATION_PHONE_NUMBER_OPTED_OUT";
            with_type(status, &json!({ "__type": error, "Message": words, "Reason": reason }))
        }
        ApiMood::Hanging => std::future::pending().await,
        // The server closes the connection of a handler that panics.
        ApiMood::Dropping => panic!("the connection is to be closed"),
    }
}

fn with_type(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

/// The operation and the body of a signed call.
async fn read(request: Request<Body>) -> (String, Value) {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    assert!(header("authorization").starts_with("AWS4-HMAC-SHA256 "), "a call is not signed");
    assert_eq!(header("content-type"), "application/x-amz-json-1.0");
    let target = header("x-amz-target");
    let operation = target.strip_prefix("PinpointSMSVoiceV2.").unwrap_or_default().to_owned();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    (operation, serde_json::from_slice(&body).unwrap_or_default())
}

//! Twilio's HTTP API as far as this service uses it, on a port of this machine: keeps
//! what it was sent, and answers as a test tells it to.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::service::listen;

/// What the next requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// 201, as for a message that is queued.
    Taking,
    /// This status, with words that hold the number and the text.
    Refusing(u16),
    /// Somewhere else, which a sender must not follow: the text is not for everybody.
    Redirecting,
    /// Never.
    Hanging,
    /// Nothing: the connection is closed.
    Dropping,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: String,
    pub path: String,
    /// User and password of basic authentication.
    pub credentials: String,
    pub content_type: String,
    pub form: HashMap<String, String>,
}

struct Shared {
    mood: Mutex<Mood>,
    sent: Mutex<Vec<Sent>>,
}

/// The running double; it ends with the test's runtime.
pub struct Twilio {
    url: String,
    shared: Arc<Shared>,
}

impl Twilio {
    /// # Panics
    /// If no port can be had.
    pub async fn start() -> Self {
        let shared =
            Arc::new(Shared { mood: Mutex::new(Mood::Taking), sent: Mutex::new(Vec::new()) });
        let router = Router::new().fallback(answer).with_state(shared.clone());
        Self { url: listen(router).await, shared }
    }

    /// The variables of a service that sends through it.
    #[must_use]
    pub fn variables(&self) -> [(&str, &str); 5] {
        [
            ("SMS_SENDER", "twilio"),
            ("TWILIO_API_URL", &self.url),
            ("TWILIO_ACCOUNT_SID", "AC0123456789"),
            ("TWILIO_AUTH_TOKEN", "a secret: of Twilio"),
            ("TWILIO_FROM", "+15005550006"),
        ]
    }

    pub fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Everything that was asked of it, the oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let sent = read(request).await;
    let words = format!("{:?}", sent.form);
    shared.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    let mood = *shared.mood.lock().unwrap_or_else(PoisonError::into_inner);
    match mood {
        Mood::Taking => (StatusCode::CREATED, r#"{"status":"queued"}"#).into_response(),
        Mood::Refusing(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, format!("The message {words} was refused")).into_response()
        }
        Mood::Redirecting => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
        }
        Mood::Hanging => std::future::pending().await,
        // The server closes the connection of a handler that panics.
        Mood::Dropping => panic!("the connection is to be closed"),
    }
}

async fn read(request: Request<Body>) -> Sent {
    let (parts, body) = request.into_parts();
    let text = |name| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let credentials = text(header::AUTHORIZATION);
    let credentials = credentials.strip_prefix("Basic ").unwrap_or_default();
    let credentials = BASE64.decode(credentials).unwrap_or_default();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    Sent {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        credentials: String::from_utf8_lossy(&credentials).into_owned(),
        content_type: text(header::CONTENT_TYPE),
        form: url::form_urlencoded::parse(&body).into_owned().collect(),
    }
}

//! Every refusal: one enum of stable codes, and the one mapping from errors to answers
//! (RFC 9457, readable by older clients too).
//!
//! A handler returns a [`Problem`]; the outermost layer writes its body, because only it
//! knows the request's id.

use axum::response::{IntoResponse, Response};
use domain::time::Timestamp;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

use super::account_devices::ReplaceableDeviceBody;
use crate::clock::date_time;
use crate::store::login::ReplaceableDevice;

mod codes;
mod example;
mod from_errors;

pub use codes::{Code, code_table};
pub use example::example_of;

/// How long a client is asked to wait for a store to come back: a failover and a database that resumes take
/// 10 to 30 seconds.
const OUTAGE_WAIT: Duration = Duration::from_secs(5);

/// A field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Dotted path of the field.
    #[schema(example = "phoneNumber")]
    pub field: String,
    #[schema(example = "invalid")]
    pub code: &'static str,
    #[schema(example = "is not a valid phone number")]
    pub detail: String,
}

impl FieldError {
    #[must_use]
    pub fn new(field: &str, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { field: field.to_owned(), code, detail: detail.to_string() }
    }
}

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// A member of the body that one code alone has (RFC 9457, section 3.2).
    extension: Option<Box<(&'static str, Value)>>,
    retry_after: Option<u64>,
    /// Methods for the `Allow` header of a 405.
    allow: Option<String>,
    /// What failed, for the log: where it is the service's fault.
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The body of every error (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: `code` identifies the problem.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Bad Request")]
    title: String,
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    detail: String,
    /// Stable: what a client decides by.
    code: String,
    request_id: String,
    /// The detail again.
    message: String,
    /// The status in words; absent on 413 and 429.
    error: Option<String>,
    /// The status again.
    status_code: u16,
    /// On a validation failure, `key_invalid` and `kyber_last_resort_required`: each field.
    errors: Option<Vec<FieldError>>,
    /// On `code_incorrect`: tries left before the verification is locked.
    attempts_left: Option<u32>,
    /// On `device_too_new`: when this device may do it (RFC 3339).
    #[schema(format = DateTime)]
    allowed_at: Option<String>,
    /// On `registration_locked`: when the lock lapses, unless a device is used.
    lapses_in_seconds: Option<u64>,
    /// On `device_limit`: the devices of the account, the newest activity first.
    devices: Option<Vec<ReplaceableDeviceBody>>,
    /// On 429 and 503, as the `Retry-After` header: seconds to wait.
    retry_after_seconds: Option<u64>,
}

impl Problem {
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(code.detail()),
            errors: Vec::new(),
            extension: None,
            retry_after: None,
            allow: None,
            cause: None,
        }
    }

    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::with_errors(Code::ValidationFailed, errors)
    }

    /// A refusal for the sake of certain fields; each is named.
    #[must_use]
    pub fn with_errors(code: Code, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(code) }
    }

    #[must_use]
    pub fn incorrect(attempts_left: u32) -> Self {
        Self::new(Code::CodeIncorrect).with_extension("attemptsLeft", json!(attempts_left))
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with_extension(self, name: &'static str, value: Value) -> Self {
        Self { extension: Some(Box::new((name, value))), ..self }
    }

    /// The device joined too lately for this.
    #[must_use]
    pub fn too_new(allowed_at: Timestamp) -> Self {
        Self::new(Code::DeviceTooNew).with_extension("allowedAt", json!(date_time(allowed_at)))
    }

    /// The account has a registration lock, which lapses by itself.
    #[must_use]
    pub fn registration_locked(lapses_in: Duration) -> Self {
        let seconds = lapses_in.as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        Self::new(Code::RegistrationLocked).with_extension("lapsesInSeconds", json!(seconds))
    }

    /// The account has as many devices as it may have: these.
    #[must_use]
    pub fn device_limit(devices: Vec<ReplaceableDevice>) -> Self {
        let devices: Vec<_> = devices.into_iter().map(ReplaceableDeviceBody::from).collect();
        Self::new(Code::DeviceLimit).with_extension("devices", json!(devices))
    }

    /// A refusal that ends by itself, after one second or more.
    #[must_use]
    pub fn retry(code: Code, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX).max(1);
        Self { retry_after: Some(seconds), ..Self::new(code) }
    }

    /// A dependency does not answer.
    #[must_use]
    pub fn unavailable(cause: impl Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..Self::retry(Code::Unavailable, OUTAGE_WAIT) }
    }

    /// An invariant does not hold.
    #[must_use]
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::caused(Code::Internal, cause)
    }

    /// A refusal with what caused it, which the edge logs.
    #[must_use]
    pub fn caused(code: Code, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..Self::new(code) }
    }

    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.cause.as_deref()
    }

    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed) }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The document alone.
    #[must_use]
    pub fn body(&self, request_id: &str) -> Value {
        let status = self.status();
        let reason = status.canonical_reason().unwrap_or_default();
        let mut body = json!({
            "type": "about:blank",
            "title": reason,
            "status": status.as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
            "requestId": request_id,
            "message": self.detail,
            "statusCode": status.as_u16(),
        });
        if !matches!(status.as_u16(), 413 | 429) {
            body["error"] = json!(reason);
        }
        if !self.errors.is_empty() || self.code == Code::ValidationFailed {
            body["errors"] = json!(self.errors);
        }
        if let Some((name, value)) = self.extension.as_deref() {
            body[*name] = value.clone();
        }
        if let Some(seconds) = self.retry_after {
            body["retryAfterSeconds"] = json!(seconds);
        }
        body
    }

    /// The whole answer.
    #[must_use]
    pub fn render(&self, request_id: &str) -> Response {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response =
            (self.status(), [json], self.body(request_id).to_string()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            // RFC 6750 §3: no error code when no token was shown.
            let challenge = match self.code {
                Code::TokenMissing | Code::MetricsForbidden => r#"Bearer realm="auth""#,
                _ => r#"Bearer realm="auth", error="invalid_token""#,
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|a| HeaderValue::from_str(a).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Only a status and the problem itself: the layer writes the rest.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

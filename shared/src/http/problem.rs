//! Every refusal: one enum of stable codes, and the one mapping from errors to answers
//! (RFC 9457, readable by older clients too).
//!
//! A handler returns a [`Problem`]; the outermost layer writes its body, because only it
//! knows the request's id.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;
use utoipa::ToSchema;

use crate::cache::CacheError;
use crate::sealing::SealingError;
use crate::sender::SendError;
use crate::sender::captcha::CaptchaError;
use crate::store::StoreError;
use crate::tokens::TokenError;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $detail:literal;)*) => {
        /// Why a request was refused. The text form is part of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What is said unless there is more to say.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
}

codes! {
    BodyMalformed = "body_malformed", 400, "The body is not a JSON object in UTF-8, at most 32 levels deep.";
    ValidationFailed = "validation_failed", 400, "The request holds invalid fields.";
    IdMalformed = "id_malformed", 400, "The id in the path is not a UUID.";
    CodeIncorrect = "code_incorrect", 400, "The code is not right.";
    CodeExpired = "code_expired", 400, "The code has expired; ask for a new one.";
    VerificationInvalid = "verification_invalid", 400, "The verification is unknown, over, or not for this.";
    TokenMissing = "token_missing", 401, "A bearer token is needed.";
    TokenInvalid = "token_invalid", 401, "The token is not valid.";
    TokenExpired = "token_expired", 401, "The token has expired.";
    SessionEnded = "session_ended", 401, "The session has ended; log in again.";
    RefreshReused = "refresh_reused", 401, "A spent refresh token came back: the session has ended.";
    MetricsForbidden = "metrics_forbidden", 401, "The metrics token is needed.";
    ChallengeRefused = "challenge_refused", 403, "The challenge is not approved; solve another.";
    DeviceForeign = "device_foreign", 403, "The device is not yours.";
    TwoFactorRequired = "two_factor_required", 403, "This account asks for a second factor.";
    NotFound = "not_found", 404, "There is nothing here.";
    VerificationNotFound = "verification_not_found", 404, "The verification is unknown or over.";
    AccountNotFound = "account_not_found", 404, "This number has no account.";
    UserNotFound = "user_not_found", 404, "There is no such user.";
    DeviceNotFound = "device_not_found", 404, "There is no such device of yours.";
    KeysNotFound = "keys_not_found", 404, "Nobody who was asked for has published keys.";
    KeysExpired = "keys_expired", 404, "The signed prekey is past its life and its grace; the device must rotate it.";
    MethodNotAllowed = "method_not_allowed", 405, "This method is not offered here.";
    AccountUnknown = "account_unknown", 400, "This number has no account.";
    AccountExists = "account_exists", 409, "This number has an account already.";
    IdentityKeyInUse = "identity_key_in_use", 409, "The identity key belongs to another user.";
    IdentityKeyMissing = "identity_key_missing", 409, "This device has published no identity key; log in with a signalKeyBundle first.";
    SignedPrekeyMissing = "signed_prekey_missing", 409, "This device has no signed prekey to compare.";
    DeviceIdsExhausted = "device_ids_exhausted", 409, "All 127 device numbers of this account are taken or were given up less than 90 days ago.";
    RefreshSuperseded = "refresh_superseded", 409, "Another request has just refreshed this session; read the stored token again.";
    BodyTooLarge = "body_too_large", 413, "The body is too large.";
    NotJson = "not_json", 415, "The body must be JSON.";
    KeyInvalid = "key_invalid", 422, "A key or signature is not valid.";
    KyberLastResortRequired = "kyber_last_resort_required", 422, "A signalKeyBundle needs a registrationId and a last-resort Kyber key: no client can use it without them.";
    TooManyAttempts = "too_many_attempts", 429, "Too many wrong codes; ask for a new verification.";
    PhoneLocked = "phone_locked", 429, "Too many wrong codes for this number; wait before trying again.";
    SmsPaused = "sms_paused", 429, "Messages to this number are paused; try again later.";
    ResendTooEarly = "resend_too_early", 429, "A code has just been sent; wait before asking again.";
    RateLimited = "rate_limited", 429, "Too many requests; wait before asking again.";
    Internal = "internal", 500, "Something failed on our side.";
    SmsFailed = "sms_failed", 502, "The code could not be sent; try again.";
    Unavailable = "unavailable", 503, "A part of the service cannot be reached; try again.";
}

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
    attempts_left: Option<u32>,
    retry_after: Option<u64>,
    /// Methods for the `Allow` header of a 405.
    allow: Option<String>,
}

/// The body of every error (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: `code` tells problems apart.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Bad Request")]
    title: String,
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    detail: String,
    /// Stable; see the table of codes above.
    #[schema(example = "validation_failed")]
    code: String,
    request_id: String,
    /// The detail again; on a validation failure, a list with one text per field.
    #[schema(value_type = MessageBody)]
    message: Value,
    /// The status in words; absent on 413 and 429.
    error: Option<String>,
    /// The status again.
    status_code: u16,
    /// On a validation failure, `key_invalid` and `kyber_last_resort_required`: each field.
    errors: Option<Vec<FieldError>>,
    /// On `code_incorrect`: tries left before the verification is locked.
    attempts_left: Option<u32>,
    /// On 429 and 503, as the `Retry-After` header: seconds to wait.
    retry_after_seconds: Option<u64>,
}

/// A text or a list of texts.
#[derive(Debug, ToSchema)]
#[schema(as = Message)]
#[serde(untagged)]
pub enum MessageBody {
    One(String),
    Many(Vec<String>),
}

impl Problem {
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(code.detail()),
            errors: Vec::new(),
            attempts_left: None,
            retry_after: None,
            allow: None,
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
        Self { attempts_left: Some(attempts_left), ..Self::new(Code::CodeIncorrect) }
    }

    /// A refusal that ends by itself. At least a second, so that nobody comes at once.
    #[must_use]
    pub fn retry(code: Code, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX).max(1);
        Self { retry_after: Some(seconds), ..Self::new(code) }
    }

    #[must_use]
    pub fn method_not_allowed(allow: String) -> Self {
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed) }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn body(&self, request_id: &str) -> Value {
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
        if self.code == Code::ValidationFailed {
            let texts = self.errors.iter().map(|e| format!("{} {}", e.field, e.detail));
            body["message"] = texts.collect();
        }
        if !self.errors.is_empty() || self.code == Code::ValidationFailed {
            body["errors"] = json!(self.errors);
        }
        if let Some(left) = self.attempts_left {
            body["attemptsLeft"] = json!(left);
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

/// How long a client is asked to wait for a store to come back.
const OUTAGE_WAIT: Duration = Duration::from_secs(2);

/// A store is down: logged here, once.
fn unavailable(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "a store failed");
    Problem::retry(Code::Unavailable, OUTAGE_WAIT)
}

fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "an invariant does not hold");
    Problem::new(Code::Internal)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { unavailable(&error) } else { internal(&error) }
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        match &error {
            CacheError::Limited { wait, limit } => {
                // The budgets and the breaker: nothing the client does ends this sooner.
                let code =
                    if limit.starts_with("sms_") { Code::SmsPaused } else { Code::RateLimited };
                Self::retry(code, *wait)
            }
            CacheError::UnexpectedData => internal(&error),
            CacheError::Timeout | CacheError::Redis(_) => unavailable(&error),
        }
    }
}

impl From<SealingError> for Problem {
    fn from(error: SealingError) -> Self {
        match error {
            // Sealed by an earlier pepper: for the client, over.
            SealingError::Sealed => Self::new(Code::VerificationInvalid),
            SealingError::Pepper => internal(&error),
        }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        tracing::error!(error = %error, "a code was not sent");
        Self::new(Code::SmsFailed)
    }
}

impl From<CaptchaError> for Problem {
    fn from(error: CaptchaError) -> Self {
        match error {
            CaptchaError::Refused => Self::new(Code::ChallengeRefused),
            CaptchaError::Unreachable => unavailable(&error),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::new(Code::TokenInvalid),
            TokenError::Expired => Self::new(Code::TokenExpired),
            TokenError::SigningFailed => internal(&error),
        }
    }
}

/// The table of codes, for the OpenAPI description.
#[must_use]
pub fn code_table() -> String {
    let mut table = "| code | status | meaning |\n|---|---|---|\n".to_owned();
    for code in Code::ALL {
        use std::fmt::Write as _;
        let _ = writeln!(table, "| `{}` | {} | {} |", code.as_str(), code.status(), code.detail());
    }
    table
}

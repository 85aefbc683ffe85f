//! Calls that never send a message twice. A call is repeated only if it certainly did nothing: there
//! was no connection, or the service refused it for its rate.

use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::RequestId as _;
use hyper_util::client::legacy::Error as HttpError;
use shared::sender::SendError;
use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

const ATTEMPTS: u32 = 3;
/// Before the second attempt, and twice as long before the third.
const PAUSE: Duration = Duration::from_millis(100);
/// Later than this, no attempt begins: it would be cut off, and nobody would know how it ended.
const LAST_BEGIN: Duration = Duration::from_secs(1);

/// Calls a service for a sender. `reason` gives the service's own word for a refusal, if the error
/// has one beside its code.
pub(super) async fn call<T, E, F>(
    sender: &'static str,
    reason: fn(&E) -> Option<String>,
    operation: impl Fn() -> F,
) -> Result<T, SendError>
where
    E: ProvideErrorMetadata + Error + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        let error = match operation().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let (failure, did_nothing) = classify(sender, reason, &error);
        if !did_nothing || attempt == ATTEMPTS || begun.elapsed() > LAST_BEGIN {
            return Err(failure);
        }
        tokio::time::sleep(PAUSE * attempt).await;
        attempt += 1;
    }
}

/// How a call failed, and whether it certainly did nothing and may succeed when it is repeated.
fn classify<E>(
    sender: &'static str,
    reason: fn(&E) -> Option<String>,
    error: &SdkError<E, HttpResponse>,
) -> (SendError, bool)
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => (SendError::Unreachable(sender), false),
        SdkError::TimeoutError(_) => (SendError::TimedOut(sender), false),
        SdkError::DispatchFailure(_) => match find_source::<HttpError>(error) {
            Some(http) if http.is_connect() => (SendError::Unreachable(sender), true),
            Some(_) => (SendError::Interrupted(sender), false),
            // It never became a request: there are no credentials, for example.
            None => (SendError::Unreachable(sender), false),
        },
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let code = word(refusal.err().code());
            let request = word(error.request_id());
            let reason = reason(refusal.err());
            let reason = word(reason.as_deref());
            tracing::warn!(sender, status, code, reason, request, "a sender refused a message");
            let is_throttled = status == 429 || code.starts_with("Throttl");
            (SendError::Refused(sender, status), is_throttled)
        }
        // An answer that nobody can read. A success may have been behind it.
        _ => (SendError::Interrupted(sender), false),
    }
}

/// A name that a service gives. Anything else may hold a number.
fn word(text: Option<&str>) -> &str {
    let is_word = |text: &&str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        text.len() <= 64
            && text.bytes().all(is_allowed)
            && !text.bytes().all(|b| b.is_ascii_digit())
    };
    text.filter(is_word).unwrap_or("unnamed")
}

fn find_source<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

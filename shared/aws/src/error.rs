//! Errors of the clients as [`CloudError`]: their kind, and the service's own name of them. Texts of a
//! service stay out: they may hold user data.

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use shared::cloud::{CloudError, CloudErrorKind};

/// Names of errors with which a service says: not now.
const THROTTLED: [&str; 7] = [
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The error of a call.
pub fn cloud_error<E: ProvideErrorMetadata>(
    service: &'static str,
    operation: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> CloudError {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
    let is_throttled = code.as_deref().is_some_and(|code| THROTTLED.contains(&code));
    let kind = match error {
        SdkError::TimeoutError(_) => CloudErrorKind::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => CloudErrorKind::TimedOut,
        SdkError::DispatchFailure(_) => CloudErrorKind::Unreachable,
        SdkError::ServiceError(answered)
            if is_throttled || answered.raw().status().is_server_error() =>
        {
            CloudErrorKind::Failed
        }
        SdkError::ServiceError(_) | SdkError::ConstructionFailure(_) => CloudErrorKind::Refused,
        _ => CloudErrorKind::Unexpected,
    };
    CloudError { service, operation, kind, code }
}

/// The answer lacks what was asked for.
pub(crate) const fn unexpected(service: &'static str, operation: &'static str) -> CloudError {
    CloudError { service, operation, kind: CloudErrorKind::Unexpected, code: None }
}

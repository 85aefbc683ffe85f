//! An error of the SDK as one of the cloud: which call failed and how, without the service's text.

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use shared::cloud::{CloudError, CloudErrorKind};

/// Codes of errors that a repeat may not see, whatever their status.
const PASSING: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
];

/// What failed when `operation` of `service` gave this error.
pub fn cloud_error<E: ProvideErrorMetadata>(
    service: &'static str,
    operation: &'static str,
    error: &SdkError<E>,
) -> CloudError {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
    let kind = match error {
        SdkError::TimeoutError(_) => CloudErrorKind::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => CloudErrorKind::TimedOut,
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let passes = code.as_deref().is_some_and(|code| PASSING.contains(&code));
            if passes || status == 429 || status >= 500 {
                CloudErrorKind::Failed
            } else {
                CloudErrorKind::Refused
            }
        }
        SdkError::ResponseError(_) => CloudErrorKind::Unexpected,
        // A request that cannot be built or sent.
        _ => CloudErrorKind::Unreachable,
    };
    CloudError { service, operation, kind, code }
}

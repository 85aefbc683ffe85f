//! Invocations of other functions, signed with this function's role.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType as SdkInvocationType;
use shared::cloud::{CloudError, CloudErrorKind, InvocationType};
use std::time::Duration;

use crate::error::cloud_error;

const SERVICE: &str = "Lambda";
const OPERATION: &str = "Invoke";

/// Longer than any caller waits: each has a deadline of its own.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Nothing is repeated here. A function that is slow may still run, and the callers know better when
/// to invoke it again.
pub fn client(config: &SdkConfig) -> Client {
    let mut timeouts = TimeoutConfig::builder();
    if let Some(connect) = config.timeout_config().and_then(TimeoutConfig::connect_timeout) {
        timeouts.set_connect_timeout(Some(connect));
    }
    let timeouts = timeouts.operation_timeout(CALL_TIMEOUT).build();
    let builder = aws_sdk_lambda::config::Builder::from(config).timeout_config(timeouts);
    Client::from_conf(builder.retry_config(RetryConfig::disabled()).build())
}

/// Invokes a function. One that fails is a call that failed.
pub async fn invoke(
    client: &Client,
    function: &str,
    payload: Vec<u8>,
    invocation: InvocationType,
) -> Result<Vec<u8>, CloudError> {
    let invocation = match invocation {
        InvocationType::RequestResponse => SdkInvocationType::RequestResponse,
        InvocationType::Event => SdkInvocationType::Event,
    };
    let call = client.invoke().function_name(function).invocation_type(invocation);
    let answer = call.payload(Blob::new(payload)).send().await;
    let answer = answer.map_err(|error| cloud_error(SERVICE, OPERATION, &error))?;
    if let Some(code) = answer.function_error {
        let (kind, code) = (CloudErrorKind::Failed, Some(code));
        return Err(CloudError { service: SERVICE, operation: OPERATION, kind, code });
    }
    Ok(answer.payload.map(Blob::into_inner).unwrap_or_default())
}

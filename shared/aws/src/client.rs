//! What all clients share: region and credentials from the environment, time-outs, repeats.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use std::time::Duration;

/// A try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);
/// A call with its repeats.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// Reads region and credentials. Nothing goes over the network in Lambda: both are variables.
pub async fn load() -> SdkConfig {
    defaults().load().await
}

/// The same at another address with these credentials: a local AWS.
pub async fn load_at(
    endpoint: &str,
    region: &'static str,
    access_key_id: &str,
    secret_access_key: &str,
) -> SdkConfig {
    let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "local");
    let defaults = defaults().endpoint_url(endpoint).region(Region::new(region));
    defaults.credentials_provider(credentials).load().await
}

fn defaults() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}

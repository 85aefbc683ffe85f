//! What all clients share: region and credentials from the environment, time-outs, repeats.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use std::time::Duration;

/// The authorities of AWS's own services (Amazon Trust Services: Amazon Root CA 1 to 4, Starfield Services Root
/// G2). Those of the system are 140 certificates, which cost every cold start more than all else together.
const AUTHORITIES: &[u8] = include_bytes!("roots.pem");
/// Regions whose services have other authorities: China, isolated and sovereign ones.
const OTHER_PARTITIONS: [&str; 4] = ["cn-", "us-iso", "eu-iso", "eusc-"];

/// A try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);
/// A call with its repeats.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// Region and credentials as Lambda gives them, in variables; else credentials as containers have them.
/// Nothing goes over the network before the first call. The SDK's own chain of sources also reads the
/// files of a developer and asks other services: a tenth of a program that never uses it.
#[must_use]
pub fn load() -> SdkConfig {
    let credentials = CredentialsProviderChain::first_try(
        "variables",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("container", EcsCredentialsProvider::builder().build());
    from_variables(SharedCredentialsProvider::new(credentials), |name| std::env::var(name).ok())
}

/// The same at another address with these credentials: a local AWS.
#[must_use]
pub fn load_at(
    endpoint: &str,
    region: &str,
    access_key_id: &str,
    secret_access_key: &str,
) -> SdkConfig {
    let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "local");
    from_variables(SharedCredentialsProvider::new(credentials), |name| match name {
        ENDPOINT => Some(endpoint.to_owned()),
        REGION => Some(region.to_owned()),
        _ => None,
    })
}

const REGION: &str = "AWS_REGION";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// Set where functions reach AWS over IPv6.
const DUALSTACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

fn from_variables(
    credentials: SharedCredentialsProvider,
    variable: impl Fn(&str) -> Option<String>,
) -> SdkConfig {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .time_source(SystemTimeSource::new())
        .credentials_provider(credentials)
        .region(set(REGION).map(Region::new))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    config.set_endpoint_url(set(ENDPOINT));
    config.set_use_dual_stack(set(DUALSTACK).map(|value| value == "true"));
    with_https(&config.build(), None)
}

/// The same with connections of its own, which may be idle for so long.
pub(crate) fn with_https(config: &SdkConfig, idle: Option<Duration>) -> SdkConfig {
    let region = config.region().map_or("", AsRef::as_ref);
    let trusted = if OTHER_PARTITIONS.iter().any(|prefix| region.starts_with(prefix)) {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AUTHORITIES)
    };
    let mut https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    // What may fail is a list of names, and there is none.
    if let Ok(context) = TlsContext::builder().with_trust_store(trusted).build() {
        https = https.tls_context(context);
    }
    let https = idle.into_iter().fold(https, Builder::pool_idle_timeout);
    config.to_builder().http_client(https.build_https()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> SdkConfig {
        let credentials = Credentials::new("id", "secret", None, None, "test");
        from_variables(SharedCredentialsProvider::new(credentials), |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn region_and_addresses_are_those_of_the_variables() {
        let config = with(&[(REGION, "eu-west-1"), (DUALSTACK, "true")]);
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
        assert_eq!(config.use_dual_stack(), Some(true));
        assert_eq!(config.endpoint_url(), None);
        let config = with(&[(ENDPOINT, "http://127.0.0.1:1"), (DUALSTACK, "false"), (REGION, "")]);
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(config.use_dual_stack(), Some(false));
        assert_eq!(config.region(), None);
    }
}

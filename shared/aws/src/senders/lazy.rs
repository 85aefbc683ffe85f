//! A client that is made with the first message, so that a start neither loads certificates nor
//! opens connections.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;
use tokio::sync::OnceCell;

use crate::client;

/// Two connections are tried within the time that a sender has, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(800);
/// No longer than a sender may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1900);
/// Shorter than services keep idle connections. A message that leaves over a dead connection may
/// have been sent for all that anybody knows.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The client of a sender.
pub(super) struct LazyClient<C> {
    /// None: that of the process.
    config: Option<SdkConfig>,
    make: fn(&SdkConfig) -> C,
    client: OnceCell<C>,
}

impl<C> LazyClient<C> {
    pub(super) fn new(config: Option<SdkConfig>, make: fn(&SdkConfig) -> C) -> Self {
        Self { config, make, client: OnceCell::new() }
    }

    pub(super) async fn get(&self) -> &C {
        let make = || async {
            let config = match &self.config {
                Some(config) => config.clone(),
                None => client::load().await,
            };
            (self.make)(&without_repeats(&config))
        };
        self.client.get_or_init(make).await
    }
}

/// The SDK repeats what timed out or was lost, too. That would send a second message.
fn without_repeats(config: &SdkConfig) -> SdkConfig {
    let http = Builder::new()
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let builder = config.to_builder().http_client(http).timeout_config(timeouts);
    builder.retry_config(RetryConfig::disabled()).build()
}

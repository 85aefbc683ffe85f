//! A client that is made with the first message, so that a start neither loads certificates nor
//! opens connections.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use std::sync::OnceLock;
use std::time::Duration;

use crate::client::with_https;

/// Two connections are tried within the time that a sender has, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(800);
/// No longer than a sender may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1900);
/// Shorter than services keep idle connections. A message that leaves over a dead connection may
/// have been sent for all that anybody knows.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The client of a sender.
pub(super) struct LazyClient<C> {
    config: SdkConfig,
    make: fn(&SdkConfig) -> C,
    client: OnceLock<C>,
}

impl<C> LazyClient<C> {
    pub(super) fn new(config: SdkConfig, make: fn(&SdkConfig) -> C) -> Self {
        Self { config, make, client: OnceLock::new() }
    }

    pub(super) fn get(&self) -> &C {
        self.client.get_or_init(|| (self.make)(&without_repeats(&self.config)))
    }
}

/// The SDK repeats what timed out or was lost, too. That would send a second message.
fn without_repeats(config: &SdkConfig) -> SdkConfig {
    let config = with_https(config, Some(IDLE_TIMEOUT));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let builder = config.to_builder().timeout_config(timeouts);
    builder.retry_config(RetryConfig::disabled()).build()
}

//! A local AWS for this process, started with the first test that asks.

use ::aws::client;
use ::stores::{ACCESS_KEY_ID, LocalAws, REGION, SECRET_ACCESS_KEY};
use std::sync::{Arc, OnceLock};

static LOCAL_AWS: OnceLock<LocalAws> = OnceLock::new();

/// Its address. Names of what a test makes there must be the test's own.
///
/// # Panics
/// If it does not start.
pub async fn url() -> String {
    let start = || LOCAL_AWS.get_or_init(|| LocalAws::start().expect("the local AWS starts")).url();
    tokio::task::spawn_blocking(start).await.expect("the local AWS starts")
}

/// The cloud of a process that runs in it.
pub async fn cloud() -> Arc<::aws::Aws> {
    Arc::new(::aws::Aws::new(config(&url().await)))
}

/// What clients of an AWS at this address need.
#[must_use]
pub fn config(url: &str) -> ::aws::SdkConfig {
    client::load_at(url, REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY)
}

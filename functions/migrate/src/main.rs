//! The function `migrate`, as a deployment calls it.

#[cfg(feature = "aws")]
use aws::load_cloud;
use migrate::{MigrateState, SECRETS, handle};
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run_events_loaded_each(load_cloud(), SECRETS, MigrateState::read, handle).await
}

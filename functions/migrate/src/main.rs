//! The function `migrate`, as a deployment calls it.

#[cfg(feature = "aws")]
use aws::run_events_without_core;
#[cfg(not(feature = "aws"))]
use shared::lambda::run_events_without_core;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_events_without_core(migrate::SECRETS, migrate::MigrateState::read, migrate::handle).await
}

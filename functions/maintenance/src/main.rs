//! The function `maintenance`, as a schedule calls it.

#[cfg(feature = "aws")]
use aws::load_cloud;
use maintenance::{MaintenanceState, SECRETS, handle};
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run_events(load_cloud(), SECRETS, MaintenanceState::read, handle).await
}

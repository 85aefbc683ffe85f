//! The function `maintenance`, as a schedule calls it.

#[cfg(feature = "aws")]
use aws::run_events;
#[cfg(not(feature = "aws"))]
use shared::lambda::run_events;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_events(maintenance::SECRETS, maintenance::MaintenanceState::read, maintenance::handle).await
}

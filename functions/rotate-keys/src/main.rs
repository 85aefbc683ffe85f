//! The function `rotate-keys`, as Secrets Manager calls it.

use rotate_keys::{RotationState, handle};
use shared::clock::Clock;
use shared::lambda::run_events_without_core_in as run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = aws::load().await;
    let state = RotationState::new(&aws, Clock::System);
    run(Some(aws), &[], |_| Some(state), handle).await
}

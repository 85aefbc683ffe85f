//! The function `rotate-keys`, as Secrets Manager calls it.

use rotate_keys::{RotationState, handle};
use shared::clock::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = aws::load();
    let state = RotationState::new(&aws, Clock::System);
    shared::lambda::run_events_without_core(Some(aws), &[], |_| Some(state), handle).await
}

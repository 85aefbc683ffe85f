//! The function `internal`, as other services invoke it.

#[cfg(feature = "aws")]
use aws::run_events;
#[cfg(not(feature = "aws"))]
use shared::lambda::run_events;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_events(internal::SECRETS, internal::InternalState::read, internal::handle_event).await
}

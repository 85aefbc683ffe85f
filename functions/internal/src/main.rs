//! The function `internal`, as other services invoke it.

#[cfg(feature = "aws")]
use aws::load_cloud;
use internal::{InternalState, SECRETS, handle_event};
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run_events(load_cloud(), SECRETS, InternalState::read, handle_event).await
}

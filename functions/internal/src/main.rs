//! The function `internal`, as other services invoke it.

#[cfg(feature = "aws")]
use aws::load_cloud;
use domain::phone::PhoneNumber;
use internal::{InternalState, SECRETS, handle_event};
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    PhoneNumber::warm();
    shared::lambda::run_events(load_cloud(), SECRETS, InternalState::read, handle_event).await
}

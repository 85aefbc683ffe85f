//! The function `internal`, as other services invoke it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    use internal::{InternalState, SECRETS, handle_event};
    #[cfg(feature = "aws")]
    return aws::run_invocations(SECRETS, InternalState::read, handle_event).await;
    #[cfg(not(feature = "aws"))]
    shared::lambda::run_invocations(None, SECRETS, InternalState::read, handle_event).await
}

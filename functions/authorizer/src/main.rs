//! The function `authorizer`, as the gateways of other APIs call it.

#[cfg(feature = "aws")]
use aws::run_events;
#[cfg(not(feature = "aws"))]
use shared::lambda::run_events;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_events(authorizer::SECRETS, authorizer::AuthorizerState::read, authorizer::authorize).await
}

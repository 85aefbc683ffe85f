//! The function `authorizer`, as the gateways of other APIs call it.

use authorizer::{AuthorizerState, SECRETS, authorize};
#[cfg(feature = "aws")]
use aws::load_cloud;
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run_events(load_cloud(), SECRETS, AuthorizerState::read, authorize).await
}

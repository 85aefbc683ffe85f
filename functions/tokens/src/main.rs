//! The function `tokens`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::load_cloud;
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;
use tokens::{SECRETS, TokensState, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(load_cloud(), SECRETS, TokensState::read, router()).await
}

//! The function `two-factor`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::load_cloud;
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;
use two_factor::{SECRETS, TwoFactorState, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(load_cloud(), SECRETS, TwoFactorState::read, router()).await
}

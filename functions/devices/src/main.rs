//! The function `devices`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::load_cloud;
use devices::{DevicesState, SECRETS, router};
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(load_cloud(), SECRETS, DevicesState::read, router()).await
}

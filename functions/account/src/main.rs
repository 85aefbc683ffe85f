//! The function `account`, as API Gateway calls it.

use account::{AccountState, SECRETS, router};
#[cfg(feature = "aws")]
use aws::load_cloud;
#[cfg(not(feature = "aws"))]
use shared::cloud::none as load_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(load_cloud(), SECRETS, AccountState::read, router()).await
}

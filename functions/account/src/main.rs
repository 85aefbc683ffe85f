//! The function `account`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::run;
#[cfg(not(feature = "aws"))]
use shared::lambda::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(account::SECRETS, account::AccountState::read, account::router()).await
}

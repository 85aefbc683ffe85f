//! The function `two-factor`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::run;
#[cfg(not(feature = "aws"))]
use shared::lambda::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(two_factor::SECRETS, two_factor::TwoFactorState::read, two_factor::router()).await
}

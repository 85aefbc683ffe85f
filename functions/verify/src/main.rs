//! The function `verify`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::run;
#[cfg(not(feature = "aws"))]
use shared::lambda::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(verify::SECRETS, verify::VerifyState::read, verify::router()).await
}

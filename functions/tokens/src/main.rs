//! The function `tokens`, as API Gateway calls it.

#[cfg(feature = "aws")]
use aws::run;
#[cfg(not(feature = "aws"))]
use shared::lambda::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run(tokens::SECRETS, tokens::TokensState::read, tokens::router()).await
}

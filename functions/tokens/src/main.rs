//! The function `tokens`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(tokens::SECRETS, tokens::TokensState::read, tokens::router()).await
}

//! The function `prekeys`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(prekeys::SECRETS, prekeys::PrekeysState::read, prekeys::router()).await
}

//! The function `prekeys`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run(prekeys::SECRETS, prekeys::PrekeysState::read, prekeys::router()).await
}

//! The function `verify`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run(verify::SECRETS, verify::VerifyState::read, verify::router()).await
}

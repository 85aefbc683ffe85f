//! The function `verify`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(verify::SECRETS, verify::VerifyState::read, verify::router()).await
}

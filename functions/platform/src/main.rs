//! The function `platform`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(platform::SECRETS, platform::PlatformState::read, platform::router()).await
}

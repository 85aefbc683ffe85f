//! The function `devices`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(devices::SECRETS, devices::DevicesState::read, devices::router()).await
}

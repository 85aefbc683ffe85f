//! The function `login`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(login::SECRETS, login::LoginState::read, login::router()).await
}

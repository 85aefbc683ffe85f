//! The function `account`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(account::SECRETS, account::AccountState::read, account::router()).await
}

//! The function `two-factor`, as API Gateway calls it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(two_factor::SECRETS, two_factor::TwoFactorState::read, two_factor::router())
        .await
}

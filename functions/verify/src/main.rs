//! The function `verify`, as API Gateway calls it, and `relay` with notices to numbers.

use shared::lambda::run_with_tasks;
use verify::{SECRETS, TASKS, VerifyState, router};

#[cfg(feature = "aws")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    domain::phone::PhoneNumber::warm();
    let aws = aws::load();
    let make = |sender| aws::senders::make(aws.config(), sender);
    run_with_tasks(
        Some(aws.clone()),
        SECRETS,
        |core, env| VerifyState::read_with(core, env, Some(&make)),
        router(),
        TASKS,
    )
    .await
}

#[cfg(not(feature = "aws"))]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_with_tasks(shared::cloud::none(), SECRETS, VerifyState::read, router(), TASKS).await
}

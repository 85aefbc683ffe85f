//! The function `verify`, as API Gateway calls it, and `relay` with notices to numbers.

#[cfg(feature = "aws")]
use shared::config::EnvReader;
use shared::lambda::run_with_tasks;
use verify::{SECRETS, TASKS, VerifyState, router};

#[cfg(feature = "aws")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    domain::phone::PhoneNumber::warm();
    let aws = aws::load();
    let make = |sender| aws::senders::make(aws.config(), sender);
    let read = |core: &_, env: &mut EnvReader<'_>| VerifyState::read_with(core, env, Some(&make));
    run_with_tasks(Some(aws.clone()), SECRETS, read, router(), TASKS).await
}

#[cfg(not(feature = "aws"))]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_with_tasks(shared::cloud::none(), SECRETS, VerifyState::read, router(), TASKS).await
}

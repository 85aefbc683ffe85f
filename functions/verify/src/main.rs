//! The function `verify`, as API Gateway calls it, and `relay` with notices to numbers.

#[cfg(feature = "aws")]
use aws::run_with_tasks;
#[cfg(not(feature = "aws"))]
use shared::lambda::run_local_with_tasks as run_with_tasks;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let read = verify::VerifyState::read;
    run_with_tasks(verify::SECRETS, read, verify::router(), verify::TASKS).await
}

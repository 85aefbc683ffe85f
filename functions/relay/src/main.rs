//! The function `relay`, as other functions and a schedule invoke it.

use relay::{RelayState, SECRETS, handle};
use shared::lambda::run_events;

#[cfg(feature = "aws")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = aws::load();
    let cloud = aws::relay::RelayAws(aws.config().clone());
    run_events(Some(aws), SECRETS, |core, env| RelayState::read_in(Some(&cloud), core, env), handle)
        .await
}

#[cfg(not(feature = "aws"))]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    run_events(shared::cloud::none(), SECRETS, RelayState::read, handle).await
}

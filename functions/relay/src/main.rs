//! The function `relay`, as other functions and a schedule invoke it.

use relay::{RelayState, SECRETS, handle};

#[cfg(feature = "aws")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let cloud = aws::relay::RelayAws(aws::client::load().await);
    aws::run_events(SECRETS, |core, env| RelayState::read_in(Some(&cloud), core, env), handle).await
}

#[cfg(not(feature = "aws"))]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run_events(SECRETS, RelayState::read, handle).await
}

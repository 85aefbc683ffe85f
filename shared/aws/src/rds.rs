//! Passwords of RDS: a user with the role `rds_iam` logs in with a signed request.

use aws_config::SdkConfig;
use secrecy::SecretString;
use shared::cloud::{CloudError, DatabaseLogin};
use shared::percent::percent_encode;

use crate::presign::Signer;

const SIGNER: Signer = Signer { service: "RDS", signing_name: "rds-db" };

/// A password for one new connection.
pub(crate) async fn password(
    config: &SdkConfig,
    DatabaseLogin { host, port, user }: DatabaseLogin<'_>,
) -> Result<SecretString, CloudError> {
    let request = format!("{host}:{port}/?Action=connect&DBUser={}", percent_encode(user));
    SIGNER.password(config, &request).await
}

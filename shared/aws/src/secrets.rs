//! Reads secrets of Secrets Manager.

use secrecy::SecretString;
use shared::cloud::CloudError;

use crate::Aws;
use crate::cloud::unexpected;
use crate::error::cloud_error;

pub(crate) const SERVICE: &str = "Secrets Manager";
const GET: &str = "GetSecretValue";

/// The current version of a secret, by name or ARN.
pub(crate) async fn current(aws: &Aws, id: &str) -> Result<SecretString, CloudError> {
    let answer = aws.secrets_manager().get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| cloud_error(SERVICE, GET, &error))?;
    let text = answer.secret_string.map(SecretString::from);
    // Some tools store text as binary.
    let binary = || String::from_utf8(answer.secret_binary?.into_inner()).ok().map(Into::into);
    text.or_else(binary).ok_or_else(|| unexpected(SERVICE, GET))
}

//! Reads secrets of Secrets Manager.

use aws_sdk_secretsmanager::Client as SecretsClient;
use secrecy::SecretString;
use shared::cloud::CloudError;

use crate::error::{cloud_error, unexpected};

pub(crate) const SERVICE: &str = "Secrets Manager";
const GET: &str = "GetSecretValue";

/// The current version of a secret, by name or ARN.
pub(crate) async fn current(client: &SecretsClient, id: &str) -> Result<SecretString, CloudError> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| cloud_error(SERVICE, GET, &error))?;
    let text = answer.secret_string.map(SecretString::from);
    // Some tools store text as binary.
    let binary = || String::from_utf8(answer.secret_binary?.into_inner()).ok().map(Into::into);
    text.or_else(binary).ok_or_else(|| unexpected(SERVICE, GET))
}

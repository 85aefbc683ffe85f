//! Reads secrets of Secrets Manager.

use aws_config::retry::RetryConfig;
use aws_sdk_secretsmanager::Client as SecretsClient;
use aws_sdk_secretsmanager::config::Builder as ConfigBuilder;
use aws_sdk_secretsmanager::primitives::Blob;
use secrecy::SecretString;
use shared::cloud::CloudError;

use crate::error::{cloud_error, unexpected};

pub(crate) const SERVICE: &str = "Secrets Manager";
const GET: &str = "GetSecretValue";
const GET_BATCH: &str = "BatchGetSecretValue";
/// Secrets that one call may ask for.
const BATCH_LIMIT: usize = 20;

/// The current version of a secret, by name or ARN.
pub(crate) async fn current(client: &SecretsClient, id: &str) -> Result<SecretString, CloudError> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| cloud_error(SERVICE, GET, &error))?;
    text(answer.secret_string, answer.secret_binary).ok_or_else(|| unexpected(SERVICE, GET))
}

/// The current versions of these secrets, those that one call gives: a name that is not there, or that
/// the caller may not read, is left out. It is tried once, as an account may make 100 such calls a second
/// and 10,000 for single secrets: who gets none asks for each.
pub(crate) async fn current_of_all(
    client: &SecretsClient,
    ids: &[String],
) -> Result<Vec<(String, SecretString)>, CloudError> {
    let asked = ids.iter().take(BATCH_LIMIT);
    let call = client.batch_get_secret_value().set_secret_id_list(Some(asked.cloned().collect()));
    let once = ConfigBuilder::new().retry_config(RetryConfig::disabled());
    let answer = call.customize().config_override(once).send().await;
    let answer = answer.map_err(|error| cloud_error(SERVICE, GET_BATCH, &error))?;
    let found = answer.secret_values.unwrap_or_default().into_iter().filter_map(|secret| {
        let (name, arn) = (secret.name.as_ref(), secret.arn.as_ref());
        let id = ids.iter().find(|id| Some(*id) == name || Some(*id) == arn)?.clone();
        Some((id, text(secret.secret_string, secret.secret_binary)?))
    });
    Ok(found.collect())
}

/// Some tools store text as binary.
fn text(text: Option<String>, binary: Option<Blob>) -> Option<SecretString> {
    let of_binary = || String::from_utf8(binary?.into_inner()).ok();
    text.or_else(of_binary).map(SecretString::from)
}

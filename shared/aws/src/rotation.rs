//! The versions of a secret in Secrets Manager, as a rotation moves them. For `rotate-keys` alone.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_smithy_types::DateTime;
use secrecy::{ExposeSecret as _, SecretString};
use shared::cloud::{CloudError, CloudErrorKind};
use std::collections::HashMap;

use crate::Aws;
use crate::error::{cloud_error, unexpected};
use crate::secrets::SERVICE;

pub const CURRENT: &str = "AWSCURRENT";
pub const PENDING: &str = "AWSPENDING";

/// What `GetSecretValue` and `PutSecretValue` say of a version that is not, or is already, there.
const NOT_FOUND: &str = "ResourceNotFoundException";
const EXISTS: &str = "ResourceExistsException";

/// A secret without its values.
#[derive(Clone, Debug)]
pub struct Description {
    pub tags: HashMap<String, String>,
    /// The stages of each version, by its id.
    stages: HashMap<String, Vec<String>>,
    /// When a rotation was finished, in milliseconds since 1970.
    pub rotated_at: Option<i64>,
}

impl Description {
    /// The stages of a version; `None` if there is no such version.
    #[must_use]
    pub fn stages(&self, version: &str) -> Option<&[String]> {
        self.stages.get(version).map(Vec::as_slice)
    }

    /// The version that is in use.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        let is_current = |stages: &Vec<String>| stages.iter().any(|stage| stage == CURRENT);
        self.stages.iter().find(|(_, stages)| is_current(stages)).map(|(id, _)| id.as_str())
    }

    fn of(described: DescribeSecretOutput) -> Self {
        let tags = described.tags.unwrap_or_default().into_iter();
        Self {
            tags: tags.filter_map(|tag| Some((tag.key?, tag.value?))).collect(),
            stages: described.version_ids_to_stages.unwrap_or_default(),
            rotated_at: described.last_rotated_date.and_then(millis),
        }
    }
}

/// The value of a version.
pub struct Version {
    pub text: SecretString,
    /// In milliseconds since 1970.
    pub created_at: Option<i64>,
}

fn millis(at: DateTime) -> Option<i64> {
    at.to_millis().ok()
}

/// The calls of a rotation.
#[derive(Clone)]
pub struct Rotations(Client);

impl Rotations {
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self(aws.secrets_manager().clone())
    }

    pub async fn describe(&self, secret: &str) -> Result<Description, CloudError> {
        let described = self.0.describe_secret().secret_id(secret).send().await;
        let described = described.map_err(|e| cloud_error(SERVICE, "DescribeSecret", &e))?;
        Ok(Description::of(described))
    }

    /// The value that is in use.
    pub async fn current(&self, secret: &str) -> Result<Version, CloudError> {
        let missing = unexpected(SERVICE, "GetSecretValue");
        self.value(secret, None).await?.ok_or(missing)
    }

    /// The value of a version; `None` if it has none yet.
    pub async fn version(
        &self,
        secret: &str,
        version: &str,
    ) -> Result<Option<Version>, CloudError> {
        self.value(secret, Some(version)).await
    }

    async fn value(
        &self,
        secret: &str,
        version: Option<&str>,
    ) -> Result<Option<Version>, CloudError> {
        let call = self.0.get_secret_value().secret_id(secret);
        let call = call.set_version_id(version.map(str::to_owned));
        match call.send().await.map_err(|e| cloud_error(SERVICE, "GetSecretValue", &e)) {
            Ok(answer) => {
                let created_at = answer.created_date.and_then(millis);
                let text = answer.secret_string.map(SecretString::from);
                Ok(text.map(|text| Version { text, created_at }))
            }
            Err(error) if has_code(&error, NOT_FOUND) && version.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a version its value, which is not in use yet. `false` if it has another already.
    pub async fn put_pending(
        &self,
        secret: &str,
        version: &str,
        text: &SecretString,
    ) -> Result<bool, CloudError> {
        self.put(secret, version, text, PENDING).await
    }

    /// Makes a new version that is in use at once. `false` if it has another value already.
    pub async fn put_current(
        &self,
        secret: &str,
        version: &str,
        text: &SecretString,
    ) -> Result<bool, CloudError> {
        self.put(secret, version, text, CURRENT).await
    }

    async fn put(
        &self,
        secret: &str,
        version: &str,
        text: &SecretString,
        stage: &str,
    ) -> Result<bool, CloudError> {
        let call = self.0.put_secret_value().secret_id(secret).client_request_token(version);
        let call = call.secret_string(text.expose_secret()).version_stages(stage);
        match call.send().await.map_err(|e| cloud_error(SERVICE, "PutSecretValue", &e)) {
            Ok(_) => Ok(true),
            Err(error) if has_code(&error, EXISTS) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts one version in the place of another. Refused if that one is not in use any more.
    pub async fn make_current(
        &self,
        secret: &str,
        version: &str,
        before: &str,
    ) -> Result<(), CloudError> {
        let call = self.0.update_secret_version_stage().secret_id(secret).version_stage(CURRENT);
        let call = call.move_to_version_id(version).remove_from_version_id(before);
        let moved = call.send().await.map(drop);
        moved.map_err(|e| cloud_error(SERVICE, "UpdateSecretVersionStage", &e))
    }
}

fn has_code(error: &CloudError, code: &str) -> bool {
    error.kind == CloudErrorKind::Refused && error.code.as_deref() == Some(code)
}

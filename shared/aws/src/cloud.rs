//! [`shared::cloud::Cloud`] over the SDK.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client as LambdaClient;
use aws_sdk_secretsmanager::Client as SecretsClient;
use secrecy::SecretString;
use shared::cloud::{CacheEndpoint, CacheName, Cloud, CloudFuture, DatabaseLogin, InvocationType};
use std::sync::OnceLock;

use crate::{elasticache, invoke, rds, secrets};

/// The clients of a process. Each is made from the shared configuration when it is needed.
pub struct Aws {
    config: SdkConfig,
    lambda: OnceLock<LambdaClient>,
    secrets: OnceLock<SecretsClient>,
}

impl Aws {
    #[must_use]
    pub const fn new(config: SdkConfig) -> Self {
        Self { config, lambda: OnceLock::new(), secrets: OnceLock::new() }
    }

    /// The client of Secrets Manager.
    pub fn secrets_manager(&self) -> &SecretsClient {
        self.secrets.get_or_init(|| SecretsClient::new(&self.config))
    }

    /// What all clients of this process share.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }
}

impl Cloud for Aws {
    fn secrets<'a>(&'a self, ids: &'a [String]) -> CloudFuture<'a, Vec<(String, SecretString)>> {
        Box::pin(secrets::current_of_all(self.secrets_manager(), ids))
    }

    fn secret<'a>(&'a self, id: &'a str) -> CloudFuture<'a, SecretString> {
        Box::pin(secrets::current(self.secrets_manager(), id))
    }

    fn database_password<'a>(&'a self, login: DatabaseLogin<'a>) -> CloudFuture<'a, SecretString> {
        Box::pin(rds::password(&self.config, login))
    }

    fn cache_password<'a>(
        &'a self,
        cache: &'a CacheName,
        user: &'a str,
    ) -> CloudFuture<'a, SecretString> {
        Box::pin(elasticache::password(&self.config, cache, user))
    }

    fn cache_endpoint<'a>(&'a self, cache: &'a CacheName) -> CloudFuture<'a, CacheEndpoint> {
        Box::pin(elasticache::endpoint(&self.config, cache))
    }

    fn invoke<'a>(
        &'a self,
        function: &'a str,
        payload: Vec<u8>,
        invocation: InvocationType,
    ) -> CloudFuture<'a, Vec<u8>> {
        let client = self.lambda.get_or_init(|| invoke::client(&self.config));
        Box::pin(invoke::invoke(client, function, payload, invocation))
    }
}

//! [`shared::cloud::Cloud`] over the SDK.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client as LambdaClient;
use secrecy::SecretString;
use shared::cloud::{
    CacheEndpoint, CacheName, Cloud, CloudError, CloudErrorKind, CloudFuture, DatabaseLogin,
    InvocationType,
};
use std::sync::OnceLock;

use crate::invoke;

use crate::{elasticache, rds};

/// The clients of a process. Each is made from the shared configuration when it is needed.
pub struct Aws {
    config: SdkConfig,
    lambda: OnceLock<LambdaClient>,
}

impl Aws {
    #[must_use]
    pub const fn new(config: SdkConfig) -> Self {
        Self { config, lambda: OnceLock::new() }
    }

    /// What all clients of this process share.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }
}

fn unexpected(service: &'static str, operation: &'static str) -> CloudError {
    CloudError { service, operation, kind: CloudErrorKind::Unexpected, code: None }
}

impl Cloud for Aws {
    fn secret<'a>(&'a self, _id: &'a str) -> CloudFuture<'a, SecretString> {
        Box::pin(async { Err(unexpected("Secrets Manager", "GetSecretValue")) })
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

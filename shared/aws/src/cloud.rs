//! [`shared::cloud::Cloud`] over the SDK.

use aws_config::SdkConfig;
use secrecy::SecretString;
use shared::cloud::{
    CacheEndpoint, CacheName, Cloud, CloudError, CloudErrorKind, CloudFuture, DatabaseLogin,
    InvocationType,
};

use crate::{elasticache, rds};

/// The clients of a process. Each is made from the shared configuration when it is needed.
pub struct Aws {
    config: SdkConfig,
}

impl Aws {
    #[must_use]
    pub const fn new(config: SdkConfig) -> Self {
        Self { config }
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
        _function: &'a str,
        _payload: Vec<u8>,
        _invocation: InvocationType,
    ) -> CloudFuture<'a, Vec<u8>> {
        Box::pin(async { Err(unexpected("Lambda", "Invoke")) })
    }
}

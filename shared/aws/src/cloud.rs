//! [`shared::cloud::Cloud`] over the SDK.

use aws_config::SdkConfig;
use secrecy::SecretString;
use shared::cloud::{
    CacheEndpoint, CacheName, Cloud, CloudError, CloudErrorKind, CloudFuture, DatabaseLogin,
    InvocationType,
};
use std::sync::OnceLock;

use crate::secrets;

/// The clients of a process. Each is made from the shared configuration when it is needed.
pub struct Aws {
    config: SdkConfig,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Aws {
    #[must_use]
    pub const fn new(config: SdkConfig) -> Self {
        Self { config, secrets: OnceLock::new() }
    }

    /// The client of Secrets Manager.
    pub fn secrets_manager(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.config))
    }

    /// What all clients of this process share.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }
}

pub(crate) const fn unexpected(service: &'static str, operation: &'static str) -> CloudError {
    CloudError { service, operation, kind: CloudErrorKind::Unexpected, code: None }
}

impl Cloud for Aws {
    fn secret<'a>(&'a self, id: &'a str) -> CloudFuture<'a, SecretString> {
        Box::pin(secrets::current(self, id))
    }

    fn database_password<'a>(&'a self, _login: DatabaseLogin<'a>) -> CloudFuture<'a, SecretString> {
        Box::pin(async { Err(unexpected("RDS", "sign")) })
    }

    fn cache_password<'a>(
        &'a self,
        _cache: &'a CacheName,
        _user: &'a str,
    ) -> CloudFuture<'a, SecretString> {
        Box::pin(async { Err(unexpected("ElastiCache", "sign")) })
    }

    fn cache_endpoint<'a>(&'a self, _cache: &'a CacheName) -> CloudFuture<'a, CacheEndpoint> {
        Box::pin(async { Err(unexpected("ElastiCache", "DescribeReplicationGroups")) })
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

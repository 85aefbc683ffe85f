//! What a cloud provides beside variables: secrets by id, logins that are made for each
//! connection, addresses of stores by name, invocations of other functions.
//!
//! `shared` says here what it needs, and the crate `aws` implements it. Without a cloud (on a
//! laptop, in tests) everything comes from variables.

use secrecy::SecretString;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use thiserror::Error;

/// What a call to the cloud gives.
pub type CloudFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CloudError>> + Send + 'a>>;

/// A call to the cloud failed. The text of a service stays out of it: it may hold user data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{service} {operation}: {kind}{}", code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
pub struct CloudError {
    /// `Secrets Manager`, for example.
    pub service: &'static str,
    /// `GetSecretValue`, for example.
    pub operation: &'static str,
    pub kind: CloudErrorKind,
    /// The service's own name of the error.
    pub code: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CloudErrorKind {
    /// Nobody knows whether it was done.
    #[error("timed out")]
    TimedOut,
    #[error("is not reachable")]
    Unreachable,
    /// The service answered with an error that a repeat may not see: throttled, or a fault of its own.
    #[error("failed")]
    Failed,
    /// The service refused the call: a repeat is refused, too.
    #[error("refused the call")]
    Refused,
    /// The answer lacks what was asked for.
    #[error("gave an unexpected answer")]
    Unexpected,
}

/// A database that is logged in to by IAM.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseLogin<'a> {
    pub host: &'a str,
    pub port: u16,
    pub user: &'a str,
}

/// A cache of ElastiCache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheName {
    ReplicationGroup(String),
    Serverless(String),
}

/// Where a cache is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEndpoint {
    pub host: String,
    pub port: u16,
    pub is_cluster: bool,
    pub has_tls: bool,
}

/// How an invocation is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationType {
    /// Until the function answers.
    RequestResponse,
    /// Until the invocation is queued.
    Event,
}

/// What the service needs of a cloud. Nothing is called before it is needed.
pub trait Cloud: Send + Sync {
    /// The texts of secrets by id, as many as one call gives. Who misses one asks for it by itself,
    /// and learns why.
    fn secrets<'a>(&'a self, ids: &'a [String]) -> CloudFuture<'a, Vec<(String, SecretString)>>;

    /// The text of a secret, by name or ARN.
    fn secret<'a>(&'a self, id: &'a str) -> CloudFuture<'a, SecretString>;

    /// A password for one new connection to the database.
    fn database_password<'a>(&'a self, login: DatabaseLogin<'a>) -> CloudFuture<'a, SecretString>;

    /// A password for one new connection to the cache.
    fn cache_password<'a>(
        &'a self,
        cache: &'a CacheName,
        user: &'a str,
    ) -> CloudFuture<'a, SecretString>;

    /// Where the cache is now.
    fn cache_endpoint<'a>(&'a self, cache: &'a CacheName) -> CloudFuture<'a, CacheEndpoint>;

    /// Invokes a function by name or ARN, and gives what it answered (empty for an event).
    fn invoke<'a>(
        &'a self,
        function: &'a str,
        payload: Vec<u8>,
        invocation: InvocationType,
    ) -> CloudFuture<'a, Vec<u8>>;
}

/// The cloud of this process, if there is one.
pub type CloudHandle = Option<Arc<dyn Cloud>>;

/// No cloud, where the crate `aws` has one to load: what is built without it runs the same way.
#[must_use]
pub const fn none() -> CloudHandle {
    None
}

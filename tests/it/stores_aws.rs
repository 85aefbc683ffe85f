//! The stores as AWS has them: logins that change or are made for each connection, caches that
//! are found by name, certificates of a private authority.
//!
//! | file | what it holds |
//! |---|---|
//! | [`cache`] | Redis: passwords, ElastiCache by its name, IAM |
//! | [`database`] | Postgres: a password that changes, secrets of RDS, IAM |
//! | [`tls`] | Postgres with a certificate of a private authority |

mod cache;
mod database;
mod tls;

use secrecy::SecretString;
use shared::cloud::{
    CacheEndpoint, CacheName, Cloud, CloudError, CloudErrorKind, CloudFuture, DatabaseLogin,
    InvocationType,
};
use shared::config::Lookup;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A cloud whose answers a test sets.
pub struct CloudDouble {
    pub password: Mutex<Result<String, CloudError>>,
    pub endpoint: Mutex<Result<CacheEndpoint, CloudError>>,
    /// How many passwords were asked for.
    pub passwords: AtomicUsize,
    /// How often the endpoint was asked for.
    pub questions: AtomicUsize,
}

impl CloudDouble {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            password: Mutex::new(Err(down("RDS", "sign"))),
            endpoint: Mutex::new(Err(down("ElastiCache", "DescribeReplicationGroups"))),
            passwords: AtomicUsize::new(0),
            questions: AtomicUsize::new(0),
        })
    }

    pub fn set_password(&self, password: &str) {
        *self.password.lock().unwrap() = Ok(password.to_owned());
    }

    pub fn set_endpoint(&self, endpoint: Result<CacheEndpoint, CloudError>) {
        *self.endpoint.lock().unwrap() = endpoint;
    }

    fn give_password(&self) -> CloudFuture<'_, SecretString> {
        self.passwords.fetch_add(1, Ordering::SeqCst);
        let password = self.password.lock().unwrap().clone();
        Box::pin(async { password.map(SecretString::from) })
    }
}

pub fn down(service: &'static str, operation: &'static str) -> CloudError {
    CloudError { service, operation, kind: CloudErrorKind::Unreachable, code: None }
}

impl Cloud for CloudDouble {
    fn secrets<'a>(&'a self, _: &'a [String]) -> CloudFuture<'a, Vec<(String, SecretString)>> {
        Box::pin(async { Err(down("Secrets Manager", "BatchGetSecretValue")) })
    }

    fn secret<'a>(&'a self, _: &'a str) -> CloudFuture<'a, SecretString> {
        Box::pin(async { Err(down("Secrets Manager", "GetSecretValue")) })
    }

    fn database_password<'a>(&'a self, _: DatabaseLogin<'a>) -> CloudFuture<'a, SecretString> {
        self.give_password()
    }

    fn cache_password<'a>(&'a self, _: &'a CacheName, _: &'a str) -> CloudFuture<'a, SecretString> {
        self.give_password()
    }

    fn cache_endpoint<'a>(&'a self, _: &'a CacheName) -> CloudFuture<'a, CacheEndpoint> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let endpoint = self.endpoint.lock().unwrap().clone();
        Box::pin(async { endpoint })
    }

    fn invoke<'a>(&'a self, _: &'a str, _: Vec<u8>, _: InvocationType) -> CloudFuture<'a, Vec<u8>> {
        Box::pin(async { Err(down("Lambda", "Invoke")) })
    }
}

/// Variables of which one changes.
pub fn changing(before: Lookup, name: &'static str, value: &Arc<Mutex<String>>) -> Lookup {
    let value = value.clone();
    Arc::new(
        move |asked| {
            if asked == name { Some(value.lock().unwrap().clone()) } else { before(asked) }
        },
    )
}

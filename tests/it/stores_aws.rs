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

use aws::{Aws, client};
use secrecy::{ExposeSecret as _, SecretString};
use shared::clock::{Clock, date_time};
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

/// What is signed for another time is refused by RDS and ElastiCache.
#[tokio::test]
async fn passwords_are_signed_at_the_time_of_day() {
    // `20261129T07`
    let hour = || date_time(Clock::System.now()).replace(['-', ':'], "")[..11].to_owned();
    let aws = Aws::new(client::load_at("http://127.0.0.1:1", "eu-west-1", "id", "secret"));
    let database = DatabaseLogin { host: "database", port: 5432, user: "auth_functions" };
    let (group, serverless) =
        (CacheName::ReplicationGroup("auth".to_owned()), CacheName::Serverless("auth".to_owned()));
    let before = hour();
    let passwords = [
        aws.database_password(database).await,
        aws.cache_password(&group, "auth-functions").await,
        aws.cache_password(&serverless, "auth-functions").await,
    ];
    let hours = [before, hour()];
    for password in passwords {
        let password = password.unwrap();
        let (_, date) = password.expose_secret().split_once("X-Amz-Date=").unwrap();
        assert!(hours.iter().any(|hour| date.starts_with(hour.as_str())), "{hours:?}: {date}");
    }
}

//! A cloud that holds secrets in this process: it counts calls, and fails or hangs when told.

use secrecy::SecretString;
use shared::cloud::{
    CacheEndpoint, CacheName, Cloud, CloudError, CloudErrorKind, CloudFuture, DatabaseLogin,
    InvocationType,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Barrier;

/// How a call for a secret goes.
#[derive(Clone, Default)]
pub enum Mood {
    #[default]
    Answers,
    /// The service is there, and fails.
    Fails,
    /// There is never an answer.
    Hangs,
    /// Several secrets are not answered in one call, as when the service has too much to do.
    OneByOne,
    /// Not in one call, and no call is answered before all of these wait.
    Together(Arc<Barrier>),
}

/// Secrets by id.
#[derive(Default)]
pub struct Vault {
    texts: Mutex<HashMap<String, String>>,
    mood: Mutex<Mood>,
    calls: AtomicUsize,
}

impl Vault {
    /// A vault with these secrets.
    #[must_use]
    pub fn new(secrets: &[(&str, &str)]) -> Arc<Self> {
        let vault = Self::default();
        for (id, text) in secrets {
            vault.put(id, text);
        }
        Arc::new(vault)
    }

    /// Sets a secret, or another value of it.
    pub fn put(&self, id: &str, text: &str) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.insert(id.to_owned(), text.to_owned());
    }

    /// From now on calls go so.
    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// How many calls for secrets there were since it was asked last.
    pub fn take_calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }

    fn mood(&self) -> Mood {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn answer_all(&self, ids: &[String]) -> Result<Vec<(String, SecretString)>, CloudError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.mood() {
            Mood::Answers => tokio::task::yield_now().await,
            Mood::Hangs => std::future::pending().await,
            Mood::Fails | Mood::OneByOne | Mood::Together(_) => {
                return Err(error(CloudErrorKind::Failed, "ThrottlingException"));
            }
        }
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = ids.iter().filter_map(|id| Some((id.clone(), texts.get(id)?.clone().into())));
        Ok(found.collect())
    }

    async fn answer(&self, id: &str) -> Result<SecretString, CloudError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.mood() {
            Mood::Answers | Mood::OneByOne => tokio::task::yield_now().await,
            Mood::Fails => return Err(error(CloudErrorKind::Failed, "InternalServiceError")),
            Mood::Hangs => std::future::pending().await,
            Mood::Together(barrier) => {
                barrier.wait().await;
            }
        }
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.get(id).map(|text| SecretString::from(text.as_str()));
        text.ok_or_else(|| error(CloudErrorKind::Refused, "ResourceNotFoundException"))
    }
}

fn error(kind: CloudErrorKind, code: &str) -> CloudError {
    let (service, operation) = ("Secrets Manager", "GetSecretValue");
    CloudError { service, operation, kind, code: Some(code.to_owned()) }
}

fn nothing<'a, T: 'a>() -> CloudFuture<'a, T> {
    Box::pin(async {
        let kind = CloudErrorKind::Unexpected;
        Err(CloudError { service: "vault", operation: "none", kind, code: None })
    })
}

impl Cloud for Vault {
    fn secrets<'a>(&'a self, ids: &'a [String]) -> CloudFuture<'a, Vec<(String, SecretString)>> {
        Box::pin(self.answer_all(ids))
    }

    fn secret<'a>(&'a self, id: &'a str) -> CloudFuture<'a, SecretString> {
        Box::pin(self.answer(id))
    }

    fn database_password<'a>(&'a self, _: DatabaseLogin<'a>) -> CloudFuture<'a, SecretString> {
        nothing()
    }

    fn cache_password<'a>(&'a self, _: &'a CacheName, _: &'a str) -> CloudFuture<'a, SecretString> {
        nothing()
    }

    fn cache_endpoint<'a>(&'a self, _: &'a CacheName) -> CloudFuture<'a, CacheEndpoint> {
        nothing()
    }

    fn invoke<'a>(&'a self, _: &'a str, _: Vec<u8>, _: InvocationType) -> CloudFuture<'a, Vec<u8>> {
        nothing()
    }
}

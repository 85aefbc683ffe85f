//! One secret in its parsed form, which is replaced as a whole when it is loaded again.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::time::Instant;

use super::loader::Secrets;
use super::replace::Replace;
use super::{SecretError, SecretName};

/// A secret that was refused, and has not changed, is not asked for again before. A rotation may
/// change the server some 100 ms before the secret: the repeats of one request must see it.
const RENEW_AFTER: Duration = Duration::from_millis(200);

/// How the text of a secret becomes what the service uses; the error says what it must be.
pub type ParseSecret<T> = fn(&SecretString) -> Result<T, &'static str>;

/// For a secret that is used as it is.
pub fn plain_text(text: &SecretString) -> Result<SecretString, &'static str> {
    Ok(text.clone())
}

/// A secret in its parsed form. Whoever needs it asks for the [`Self::current`] value each time.
pub struct LiveSecret<T> {
    name: SecretName,
    secrets: Arc<Secrets>,
    parse: ParseSecret<T>,
    current: RwLock<Current<T>>,
    /// When it was loaded again for nothing.
    renewing: tokio::sync::Mutex<Option<Instant>>,
}

struct Current<T> {
    text: SecretString,
    value: Arc<T>,
}

impl<T: Send + Sync + 'static> LiveSecret<T> {
    pub(crate) fn new(
        name: SecretName,
        secrets: Arc<Secrets>,
        parse: ParseSecret<T>,
        text: SecretString,
    ) -> Result<Arc<Self>, &'static str> {
        let value = Arc::new(parse(&text)?);
        let current = RwLock::new(Current { text, value });
        let live = Self { name, secrets, parse, current, renewing: tokio::sync::Mutex::default() };
        let live = Arc::new(live);
        let as_replace: Arc<dyn Replace> = live.clone();
        let registered: Weak<dyn Replace> = Arc::downgrade(&as_replace);
        live.secrets.register(registered);
        Ok(live)
    }

    /// Loads the secret again. On an error the value before stays in use.
    pub async fn refresh(&self) -> Result<(), SecretError> {
        self.secrets.load_again(self.name).await?;
        self.secrets.replace(self)
    }

    /// Loads the secret again because the one that it opens has `refused` this value. Whether there
    /// is another now. Of many that are refused at the same time, one asks.
    pub async fn renew(&self, refused: &Arc<T>) -> bool {
        let mut in_vain = self.renewing.lock().await;
        let is_other = || !Arc::ptr_eq(&self.current(), refused);
        if is_other() {
            return true;
        }
        if in_vain.is_some_and(|at| at.elapsed() < RENEW_AFTER) {
            return false;
        }
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "failed to renew a refused secret");
        }
        let is_renewed = is_other();
        *in_vain = (!is_renewed).then(Instant::now);
        is_renewed
    }
}

impl<T> LiveSecret<T> {
    /// The newest value.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).value.clone()
    }
}

impl<T: Send + Sync> Replace for LiveSecret<T> {
    fn name(&self) -> SecretName {
        self.name
    }

    fn replace(&self, text: &SecretString) -> Result<bool, SecretError> {
        let is_same = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            current.text.expose_secret() == text.expose_secret()
        };
        if is_same {
            return Ok(false);
        }
        let value = (self.parse)(text).map_err(|_| SecretError::Malformed(self.name))?;
        let replacement = Current { text: text.clone(), value: Arc::new(value) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = replacement;
        Ok(true)
    }
}

impl<T> fmt::Debug for LiveSecret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveSecret").field(&self.name).finish()
    }
}

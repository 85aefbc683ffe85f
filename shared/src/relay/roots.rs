//! Publishes the root of all audit heads, signed, where nobody can change it.

use domain::ids::UserId;
use domain::time::{Timestamp, millis_of};
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

use crate::audit::root::{Head, RootSignature, RootStatement, SignedRoot, write_heads};
use crate::cloud::{CloudError, CloudFuture};
use crate::store::{Store, StoreError};

const HOUR: Duration = Duration::from_hours(1);

/// A key that signs and a place that keeps, both out of reach of whoever can write to the database.
pub trait RootStore: Send + Sync {
    /// Signs a digest (SHA-256) with ECDSA over P-256.
    fn sign(&self, digest: [u8; 32]) -> CloudFuture<'_, RootSignature>;

    /// Keeps a file under a name that is new. False if the name has one already.
    fn put_new<'a>(&'a self, name: &'a str, content: Vec<u8>) -> CloudFuture<'a, bool>;
}

#[derive(Debug, Error)]
pub enum RootError {
    #[error("failed to read the heads")]
    Store(#[from] StoreError),
    #[error("failed to sign or keep a root")]
    Cloud(#[from] CloudError),
    #[error("a root cannot be written")]
    Format(#[from] serde_json::Error),
}

/// Publishes the root of this hour. False if it has one: of several relays at once, one publishes.
///
/// The heads come first, in a file whose name tells its content: a relay that dies behind it leaves a
/// file that nothing names. Heads are read in pages, so each is that of some moment of the run.
pub async fn publish_root(
    store: &Store,
    roots: &dyn RootStore,
    now: Timestamp,
) -> Result<bool, RootError> {
    let heads = read_heads(store).await?;
    let hour = Timestamp::from_millis(now.millis() - now.millis().rem_euclid(millis_of(HOUR)));
    let statement = RootStatement::new(hour, &heads);
    roots.put_new(&statement.heads_file(), write_heads(&heads)).await?;
    let root = SignedRoot::new(&statement, roots.sign(statement.digest()).await?);
    let root = serde_json::to_vec_pretty(&root)?;
    Ok(roots.put_new(&statement.root_file(), root).await?)
}

async fn read_heads(store: &Store) -> Result<Vec<Head>, StoreError> {
    let (mut heads, mut after) = (Vec::new(), UserId::from_uuid(Uuid::nil()));
    loop {
        let page = store.list_heads(after).await?;
        let Some(last) = page.last() else { return Ok(heads) };
        after = last.user;
        heads.extend(page);
    }
}

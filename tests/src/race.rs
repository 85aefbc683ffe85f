//! Many requests at the same moment, and what they came to.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Barrier, Mutex, MutexGuard};

use crate::reply::Reply;

static RACE: Mutex<()> = Mutex::const_new(());

/// Held by one race at a time: two at once would only be slow enough for stores to count as
/// down.
pub async fn alone() -> MutexGuard<'static, ()> {
    RACE.lock().await
}

/// Runs futures at once: none begins before all are there. Answers stand in the order of
/// the futures.
pub async fn together<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let _alone = alone().await;
    let futures: Vec<F> = futures.into_iter().collect();
    let barrier = Arc::new(Barrier::new(futures.len()));
    let tasks: Vec<_> = futures
        .into_iter()
        .map(|future| {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                future.await
            })
        })
        .collect();
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await.expect("a request is answered"));
    }
    outputs
}

/// How often each answer came: by status and code, `200` or `400 verification_invalid`.
#[must_use]
pub fn tally(replies: &[Reply]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for reply in replies {
        let name = format!("{} {}", reply.status.as_u16(), reply.code());
        *tally.entry(name.trim_end().to_owned()).or_default() += 1;
    }
    tally
}

/// A tally as a test expects it.
#[must_use]
pub fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

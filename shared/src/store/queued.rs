//! Whether the work of a request has queued events: known to whoever watches it, and to nobody else.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::StoreError;

tokio::task_local! {
    static QUEUED: Arc<Flags>;
}

#[derive(Debug, Default)]
struct Flags {
    committed: AtomicBool,
    unknown: AtomicBool,
}

/// What watched work did to the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    Nothing,
    /// A statement was given up. Nobody knows whether it was committed.
    Unknown,
    /// Events are committed.
    Events,
}

/// Runs the work, and tells whether it queued events.
pub async fn watch<F: Future>(work: F) -> (F::Output, Queued) {
    let flags = Arc::new(Flags::default());
    let output = QUEUED.scope(flags.clone(), work).await;
    let queued = if flags.committed.load(Ordering::Relaxed) {
        Queued::Events
    } else if flags.unknown.load(Ordering::Relaxed) {
        Queued::Unknown
    } else {
        Queued::Nothing
    };
    (output, queued)
}

/// Events were committed.
pub(super) fn note_events() {
    // Outside of watched work nobody asks.
    let _ = QUEUED.try_with(|flags| flags.committed.store(true, Ordering::Relaxed));
}

/// Work was repeated after a try whose end nobody knows, and succeeded: the repeat may have found the
/// events of that try, and queued none of its own.
pub(super) fn note_repeated() {
    let _ = QUEUED.try_with(|flags| {
        if flags.unknown.load(Ordering::Relaxed) {
            flags.committed.store(true, Ordering::Relaxed);
        }
    });
}

/// What commits events, from before it is sent until its end is known. Dropped before that, by a lost
/// connection or by who waits no longer, it notes that nobody knows.
pub(super) struct Unanswered {
    is_open: bool,
}

impl Unanswered {
    pub(super) const fn new(may_queue: bool) -> Self {
        Self { is_open: may_queue }
    }

    pub(super) async fn until<T>(
        mut self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let result = answer.await;
        self.is_open &= result.as_ref().is_err_and(StoreError::may_be_committed);
        result
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.is_open {
            let _ = QUEUED.try_with(|flags| flags.unknown.store(true, Ordering::Relaxed));
        }
    }
}

//! Whether the work of a request has queued events: known to whoever watches it, and to nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Work was given up that may be committed.
pub(super) fn note_unknown() {
    let _ = QUEUED.try_with(|flags| flags.unknown.store(true, Ordering::Relaxed));
}

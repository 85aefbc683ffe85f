//! What a repeated call cannot find in the store any more.

use domain::ids::SessionId;
use std::sync::{Mutex, PoisonError};

/// The sessions that a call has ended, from before its COMMIT is sent: a repeat of the call, which
/// does not find their rows any more, writes their tombstones all the same.
#[derive(Debug, Default)]
pub(in crate::store) struct EndedByCall(Mutex<Option<Vec<SessionId>>>);

impl EndedByCall {
    pub(in crate::store) fn set(&self, ended: &[SessionId]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended.to_vec());
    }

    /// None if no try of the call came so far.
    pub(in crate::store) fn get(&self) -> Option<Vec<SessionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

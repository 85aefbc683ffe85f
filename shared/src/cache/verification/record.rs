//! What all steps of a verification know of its record.

use domain::ids::VerificationId;
use domain::time::Timestamp;

/// What a client may know of a running verification.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub code_expires_at: Timestamp,
    pub resend_at: Timestamp,
    pub attempts_left: u32,
}

/// The key of the record.
pub(in crate::cache) fn key(id: &VerificationId) -> String {
    format!("verification:{id}")
}

//! What all steps of a verification know of its record.

use domain::ids::VerificationId;
use domain::phone::PhoneSlot;
use domain::time::{Timestamp, millis_of};
use domain::verification::{CODE_TTL, CONFIRMED_TTL, MAX_ATTEMPTS, PhoneLock, RESEND_WAITS};

use crate::limits::check::hash_tag;

/// What a client may know of a running verification.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub code_expires_at: Timestamp,
    pub resend_at: Timestamp,
    pub attempts_left: u32,
}

/// The key of the record; none for an id that this service never gives.
pub(in crate::cache) fn key(id: &VerificationId) -> Option<String> {
    id.phone_slot().map(|slot| format!("verification:{}:{id}", hash_tag(slot)))
}

/// The keys of the lock of a number.
pub(super) fn lock_keys(slot: PhoneSlot) -> [String; 2] {
    let tag = hash_tag(slot);
    [format!("rate_limit:wrong_codes:{tag}"), format!("rate_limit:wrong_codes_end:{tag}")]
}

/// The parameters of the rules, for the scripts.
pub(super) fn constants() -> String {
    format!(
        "local MAX_ATTEMPTS, CODE_TTL, CONFIRMED_TTL = {MAX_ATTEMPTS}, {}, {}\n\
         local RESEND_WAITS = {{ {}, {} }}\n\
         local WRONG_PER_HOUR, WRONG_PER_DAY, WRONG_STREAK, WRONG_PER_DAY_IN_STREAK = {}, {}, {}, {}\n",
        millis_of(CODE_TTL),
        millis_of(CONFIRMED_TTL),
        millis_of(RESEND_WAITS[1]),
        millis_of(RESEND_WAITS[2]),
        PhoneLock::WRONG_PER_HOUR,
        PhoneLock::WRONG_PER_DAY,
        PhoneLock::WRONG_STREAK,
        PhoneLock::WRONG_PER_DAY_IN_STREAK,
    )
}

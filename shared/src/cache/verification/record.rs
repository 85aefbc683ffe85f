//! What all steps of a verification know of its record.

use domain::ids::VerificationId;
use domain::phone::PhoneSlot;
use domain::time::{Timestamp, millis_of};
use domain::verification::{
    CODE_TTL, CONFIRMED_TTL, CodeLength, CodeMarks, MAX_ATTEMPTS, RECORD_TTL, RESEND_WAITS,
};

use crate::cache::script::ScriptCall;
use crate::limits::check::hash_tag;

/// What a client showed, as digests under one pepper. Only the record knows which pepper is its
/// own, so a script gets those under each (`digests.lua`).
#[derive(Debug)]
pub struct ShownDigests<const CODES: usize> {
    pub pepper: String,
    /// Empty if the client named no device.
    pub device: String,
    pub codes: [String; CODES],
}

/// The function that finds the digests under the pepper of the record.
pub(super) const DIGESTS: &str = include_str!("digests.lua");

pub(super) fn with_digests<'s, const CODES: usize>(
    call: ScriptCall<'s>,
    shown: &[ShownDigests<CODES>],
) -> ScriptCall<'s> {
    shown.iter().fold(call.arg(shown.len()), |call, shown| {
        call.arg(&shown.pepper).arg(&shown.device).arg(&shown.codes[..])
    })
}

/// What a client may know of a running verification.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub code_length: CodeLength,
    pub code_expires_at: Timestamp,
    pub resend_at: Timestamp,
    pub attempts_left: u32,
}

/// The key of the record; none for an id that this service never gives.
pub(in crate::cache) fn key(id: &VerificationId) -> Option<String> {
    id.phone_slot().map(|slot| format!("verification:{}:{id}", hash_tag(slot)))
}

/// The keys of the code history of a number.
pub(super) fn history_keys(slot: PhoneSlot) -> [String; 2] {
    let tag = hash_tag(slot);
    [format!("rate_limit:code_history:{tag}"), format!("rate_limit:code_history_end:{tag}")]
}

/// The parameters of the rules, for the scripts.
pub(super) fn constants() -> String {
    format!(
        "local MAX_ATTEMPTS, RECORD_TTL, CODE_TTL, CONFIRMED_TTL = {MAX_ATTEMPTS}, {}, {}, {}\n\
         local RESEND_WAITS = {{ {}, {} }}\n",
        millis_of(RECORD_TTL),
        millis_of(CODE_TTL),
        millis_of(CONFIRMED_TTL),
        millis_of(RESEND_WAITS[1]),
        millis_of(RESEND_WAITS[2]),
    )
}

/// The functions of the code history, with [`constants`]. The script's second and third key
/// are [`history_keys`].
pub(super) fn history() -> String {
    format!(
        "{}local SIX_PER_HOUR, SIX_PER_DAY, MAX_WRONG, WRONG_WINDOW = {}, {}, {}, {}\n\
         local MAX_WRONG_OF_KNOWN_DEVICE = {}\n\
         local LEGACY_PER_DAY, LEGACY_STREAK, LEGACY_PER_DAY_IN_STREAK = {}, {}, {}\n\
         {}",
        constants(),
        CodeMarks::SIX_PER_HOUR,
        CodeMarks::SIX_PER_DAY,
        CodeMarks::MAX_WRONG,
        millis_of(CodeMarks::WRONG_WINDOW),
        CodeMarks::MAX_WRONG_OF_KNOWN_DEVICE,
        CodeMarks::LEGACY_PER_DAY,
        CodeMarks::LEGACY_STREAK,
        CodeMarks::LEGACY_PER_DAY_IN_STREAK,
        include_str!("code_history.lua"),
    )
}

//! What a message says, in the languages that most phones are used in: one file each.
//!
//! A text of GSM 03.38's letters has room for 160 in one SMS, every other text for 70 (3GPP TS
//! 23.038). So Spanish, Portuguese, Polish, Turkish and Vietnamese avoid letters that GSM lacks.
//!
//! To add a language: its file, and its line in each of the two lists below.

use super::sentences::Sentences;

mod ar;
mod bn;
mod de;
mod en;
mod es;
mod fa;
mod fr;
mod hi;
mod id;
mod it;
mod ja;
mod ko;
mod pl;
mod pt;
mod ru;
mod th;
mod tr;
mod ur;
mod vi;
mod zh;

/// What is said to clients that prefer no language of the list.
pub(super) static ENGLISH: &Sentences = &en::SENTENCES;

pub(super) static ALL: [Sentences; 20] = [
    ar::SENTENCES,
    bn::SENTENCES,
    de::SENTENCES,
    en::SENTENCES,
    es::SENTENCES,
    fa::SENTENCES,
    fr::SENTENCES,
    hi::SENTENCES,
    id::SENTENCES,
    it::SENTENCES,
    ja::SENTENCES,
    ko::SENTENCES,
    pl::SENTENCES,
    pt::SENTENCES,
    ru::SENTENCES,
    th::SENTENCES,
    tr::SENTENCES,
    ur::SENTENCES,
    vi::SENTENCES,
    zh::SENTENCES,
];

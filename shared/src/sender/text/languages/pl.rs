//! The sentences in Polish.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "pl",
    code: "{brand}: kod {code}. Na {minutes} minut, nie podawaj nikomu.",
    no_account: "{brand}: kod {code}. Na {minutes} minut, nie podawaj nikomu. Ten numer nie ma konta.",
    brief: "{brand}: {code}, {minutes} min, nie podawaj",
    not_by_sms: "Nie można było wysłać SMS-a.",
};

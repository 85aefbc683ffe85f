//! The sentences in Italian.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "it",
    code: "{brand}: il codice è {code}. Vale {minutes} minuti, non condividerlo.",
    no_account: "{brand}: il codice è {code}. Vale {minutes} minuti, non condividerlo. Nessun account per questo numero.",
    brief: "{brand}: {code}, {minutes} min, non condividere",
    not_by_sms: "Non è stato possibile inviare un SMS.",
};

//! The sentences in German.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "de",
    code: "{brand}: Ihr Code ist {code}. {minutes} Minuten gültig, nicht weitergeben.",
    no_account: "{brand}: Ihr Code ist {code}. {minutes} Minuten gültig, nicht weitergeben. Zu dieser Nummer gibt es noch kein Konto.",
    brief: "{brand}: {code}, {minutes} Min., nicht weitergeben",
    not_by_sms: "Eine SMS war nicht möglich.",
};

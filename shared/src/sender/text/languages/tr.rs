//! The sentences in Turkish.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "tr",
    code: "{brand}: kodunuz {code}. Süre {minutes} dakika, kimseye vermeyin.",
    no_account: "{brand}: kodunuz {code}. Süre {minutes} dakika, kimseye vermeyin. Bu numarada hesap yok.",
    brief: "{brand}: {code}, {minutes} dk, kimseye vermeyin",
    not_by_sms: "SMS gönderilemedi.",
};

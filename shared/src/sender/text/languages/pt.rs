//! The sentences in Portuguese.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "pt",
    code: "{brand}: use {code} para confirmar. Vale {minutes} minutos, nunca compartilhe.",
    no_account: "{brand}: use {code} para confirmar. Vale {minutes} minutos, nunca compartilhe. Ainda sem conta.",
    brief: "{brand}: {code}, {minutes} min, nunca compartilhe",
    not_by_sms: "O envio por SMS falhou.",
};

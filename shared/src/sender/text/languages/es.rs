//! The sentences in Spanish.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "es",
    code: "{brand}: usa {code} para confirmar. Vale {minutes} minutos, no lo compartas.",
    no_account: "{brand}: usa {code} para confirmar. Vale {minutes} minutos, no lo compartas. No hay cuenta asociada.",
    brief: "{brand}: {code}, {minutes} min, no compartir",
    not_by_sms: "No fue posible enviar un SMS.",
};

//! The sentences in French.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "fr",
    code: "{brand} : votre code est {code}. Valable {minutes} minutes, ne le partagez pas.",
    no_account: "{brand} : votre code est {code}. Valable {minutes} minutes, ne le partagez pas. Ce numéro n'a pas encore de compte.",
    brief: "{brand} : {code}, {minutes} min, ne pas partager",
    not_by_sms: "L'envoi par SMS a échoué.",
};

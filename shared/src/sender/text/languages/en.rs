//! The sentences in English.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "en",
    code: "{brand}: your code is {code}. Valid for {minutes} minutes, do not share it.",
    no_account: "{brand}: your code is {code}. Valid for {minutes} minutes, do not share it. There is no account yet for this number.",
    brief: "{brand}: {code}, {minutes} min, do not share",
    not_by_sms: "It could not be sent by SMS.",
};

//! The sentences in Bengali.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "bn",
    code: "{brand}: কোড {code}, {minutes} মিনিট। কাউকে বলবেন না",
    no_account: "{brand}: কোড {code}, {minutes} মিনিট, গোপন। এই নম্বরে অ্যাকাউন্ট নেই",
    brief: "{brand} {code} {minutes} মিনিট, গোপন",
    not_by_sms: "SMS পাঠানো যায়নি।",
};

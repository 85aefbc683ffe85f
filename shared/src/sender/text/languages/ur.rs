//! The sentences in Urdu.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "ur",
    code: "{brand}: کوڈ {code}، {minutes} منٹ۔ کسی کو نہ بتائیں",
    no_account: "{brand}: کوڈ {code}، {minutes} منٹ، خفیہ۔ اس نمبر کا اکاؤنٹ نہیں",
    brief: "{brand} {code} {minutes} منٹ، خفیہ",
    not_by_sms: "SMS نہیں بھیجا جا سکا۔",
};

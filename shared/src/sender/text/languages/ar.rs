//! The sentences in Arabic.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "ar",
    code: "{brand}: رمزك {code}، صالح {minutes} دقائق. لا تشاركه",
    no_account: "{brand}: رمزك {code}، {minutes} دقائق، سري. لا حساب لهذا الرقم",
    brief: "{brand} {code} {minutes} دقائق، سري",
    not_by_sms: "تعذر إرسال رسالة SMS.",
};

//! The sentences in Persian.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "fa",
    code: "{brand}: کد {code}، {minutes} دقیقه. به کسی نگویید",
    no_account: "{brand}: کد {code}، {minutes} دقیقه، سری. این شماره حساب ندارد",
    brief: "{brand} {code} {minutes} دقیقه، سری",
    not_by_sms: "ارسال پیامک ممکن نشد.",
};

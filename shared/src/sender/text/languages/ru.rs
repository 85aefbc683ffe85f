//! The sentences in Russian.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "ru",
    code: "{brand}: код {code}, {minutes} минут. Никому не говорите",
    no_account: "{brand}: код {code}, {minutes} мин, секретно. Аккаунта пока нет",
    brief: "{brand} {code} {minutes} мин, секретно",
    not_by_sms: "SMS отправить не удалось.",
};

//! The sentences in Japanese.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "ja",
    code: "{brand}の認証コード {code} ({minutes}分間有効)。他人に教えないでください。",
    no_account: "{brand}の認証コード {code} ({minutes}分間有効、他言無用)。この番号のアカウントはありません。",
    brief: "{brand} {code} {minutes}分有効・他言無用",
    not_by_sms: "SMSを送信できませんでした。",
};

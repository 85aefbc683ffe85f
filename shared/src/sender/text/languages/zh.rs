//! The sentences in Chinese.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "zh",
    code: "{brand}验证码 {code}，{minutes} 分钟内有效，请勿告知他人。",
    no_account: "{brand}验证码 {code}，{minutes} 分钟内有效，请勿告知他人。此号码尚无账号。",
    brief: "{brand}验证码{code}，{minutes}分钟有效，勿告知他人",
    not_by_sms: "短信未能发送。",
};

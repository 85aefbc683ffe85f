//! The sentences in Korean.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "ko",
    code: "{brand} 인증 코드 {code}, {minutes}분간 유효. 타인에게 알리지 마세요.",
    no_account: "{brand} 인증 코드 {code}, {minutes}분 유효, 공유 금지. 이 번호의 계정이 없습니다.",
    brief: "{brand} {code} {minutes}분 유효, 공유 금지",
    not_by_sms: "SMS를 보내지 못했습니다.",
};

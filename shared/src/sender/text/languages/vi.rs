//! The sentences in Vietnamese, without tone marks, as is usual in an SMS.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "vi",
    code: "{brand}: ma cua ban la {code}, trong {minutes} phut. Khong chia se ma nay.",
    no_account: "{brand}: ma cua ban la {code}, trong {minutes} phut. Khong chia se ma nay. So nay chua co tai khoan.",
    brief: "{brand}: {code}, {minutes} phut, khong chia se",
    not_by_sms: "Khong gui duoc SMS.",
};

//! The sentences in Thai.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "th",
    code: "{brand}: รหัส {code} ใช้ได้ {minutes} นาที ห้ามบอกใคร",
    no_account: "{brand}: รหัส {code} {minutes} นาที ห้ามบอกใคร เบอร์นี้ยังไม่มีบัญชี",
    brief: "{brand} {code} {minutes} นาที ห้ามบอก",
    not_by_sms: "ส่ง SMS ไม่สำเร็จ",
};

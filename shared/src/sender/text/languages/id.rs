//! The sentences in Indonesian.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "id",
    code: "{brand}: kode Anda {code}. Berlaku {minutes} menit, jangan dibagikan.",
    no_account: "{brand}: kode Anda {code}. Berlaku {minutes} menit, jangan dibagikan. Nomor ini belum punya akun.",
    brief: "{brand}: {code}, {minutes} menit, jangan dibagikan",
    not_by_sms: "SMS gagal dikirim.",
};

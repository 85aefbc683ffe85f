//! The sentences in Hindi.

use crate::sender::text::sentences::Sentences;

pub(super) const SENTENCES: Sentences = Sentences {
    tag: "hi",
    code: "{brand}: कोड {code}, {minutes} मिनट। किसी को न बताएं",
    no_account: "{brand}: कोड {code}, {minutes} मिनट, गुप्त। इस नंबर का खाता नहीं है",
    brief: "{brand} {code} {minutes} मिनट, गुप्त",
    not_by_sms: "SMS नहीं भेजा जा सका।",
};

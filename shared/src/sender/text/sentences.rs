//! What a language needs for a message.

/// The sentences of one language. `{brand}`, `{code}` and `{minutes}` stand for what is
/// filled in.
#[derive(Debug)]
pub(in crate::sender) struct Sentences {
    /// Primary subtag of BCP 47.
    pub tag: &'static str,
    /// Brand, code, validity, and a warning not to share it.
    pub code: &'static str,
    /// The same, and that the number has no account.
    pub no_account: &'static str,
    /// As `code`, as short as it can be: for a text of 70 letters with the lines for autofill.
    pub brief: &'static str,
    /// The reason why the message does not come as an SMS.
    pub not_by_sms: &'static str,
}

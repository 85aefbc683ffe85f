//! What a number is told when it stops to be that of an account.

use super::MessageConfig;

/// A notice to a number, as the outbox names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The account has another number now.
    PhoneChanged,
}

impl Notice {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text == "phone_changed").then_some(Self::PhoneChanged)
    }

    /// In English: the language of the user is not stored.
    #[must_use]
    pub fn text(self, config: &MessageConfig) -> String {
        let Self::PhoneChanged = self;
        format!(
            "{}: your account has a new phone number. Not you? Open the app on your old device \
             within 7 days to undo it.",
            config.brand
        )
    }
}

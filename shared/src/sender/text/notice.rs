//! What a number is told of its account.

use super::MessageConfig;

/// A notice to a number, as the outbox names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The account has another number now.
    PhoneChanged,
    /// An operator was asked to remove the second factor.
    SecondFactorReset,
}

impl Notice {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "phone_changed" => Some(Self::PhoneChanged),
            "second_factor_reset" => Some(Self::SecondFactorReset),
            _ => None,
        }
    }

    /// In English: the language of the user is not stored.
    #[must_use]
    pub fn text(self, config: &MessageConfig) -> String {
        let sentence = match self {
            Self::PhoneChanged => {
                "your account has a new phone number. Not you? Open the app on your old device \
                 within 7 days to undo it."
            }
            Self::SecondFactorReset => {
                "support will remove the second factor of your account in 7 days. Not you? Open \
                 the app and cancel it."
            }
        };
        format!("{}: {sentence}", config.brand)
    }
}

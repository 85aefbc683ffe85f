//! The senders of AWS as they are configured. The crate `aws` makes them, where it is linked.

use std::sync::Arc;

use super::CodeSender;
use crate::config::EnvReader;

/// Longest sender id of letters and digits.
const LONGEST_SENDER_ID: usize = 11;

/// A sender that a cloud provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloudSender {
    Sns(SnsConfig),
    EndUserMessaging(EndUserMessagingConfig),
}

/// Makes the senders of a cloud.
pub type MakeCloudSender<'a> = &'a dyn Fn(CloudSender) -> Arc<dyn CodeSender>;

/// `Publish` of SNS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnsConfig {
    pub sender_id: Option<String>,
    /// In US dollars.
    pub max_price: Option<String>,
    pub india: India,
}

/// `SendTextMessage` of End User Messaging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndUserMessagingConfig {
    /// A number, a sender id or a pool; by its name, id or ARN.
    pub origination_identity: Option<String>,
    pub configuration_set: Option<String>,
    pub protect_configuration_id: Option<String>,
    /// In US dollars.
    pub max_price: Option<String>,
    pub india: India,
}

/// What the carriers of India want to know of a sender id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct India {
    pub entity_id: Option<String>,
    pub template_id: Option<String>,
}

impl SnsConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        const SENDER_ID: &str = "SNS_SENDER_ID";
        let sender_id = env.optional(SENDER_ID);
        if sender_id.as_deref().is_some_and(|id| !is_sender_id(id)) {
            env.error(SENDER_ID, "must have 1 to 11 letters, digits and hyphens, with a letter");
        }
        Self {
            sender_id,
            max_price: max_price(env, "SNS_MAX_PRICE"),
            india: India {
                entity_id: env.optional("SNS_ENTITY_ID"),
                template_id: env.optional("SNS_TEMPLATE_ID"),
            },
        }
    }
}

impl EndUserMessagingConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        Self {
            origination_identity: env.optional("EUM_ORIGINATION_IDENTITY"),
            configuration_set: env.optional("EUM_CONFIGURATION_SET"),
            protect_configuration_id: env.optional("EUM_PROTECT_CONFIGURATION_ID"),
            max_price: max_price(env, "EUM_MAX_PRICE"),
            india: India {
                entity_id: env.optional("EUM_ENTITY_ID"),
                template_id: env.optional("EUM_TEMPLATE_ID"),
            },
        }
    }
}

fn max_price(env: &mut EnvReader, name: &'static str) -> Option<String> {
    let price = env.optional(name)?;
    if !is_price(&price) {
        env.error(name, "must be US dollars as in 0.15: at most 2 digits, a point, 1 to 5 digits");
    }
    Some(price)
}

/// As End User Messaging writes prices. SNS takes more, and these too.
fn is_price(text: &str) -> bool {
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(dollars, parts)| {
        let fits = dollars.len() <= 2 && (1..=5).contains(&parts.len());
        fits && are_digits(dollars) && are_digits(parts)
    })
}

fn is_sender_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.len() <= LONGEST_SENDER_ID
        && text.bytes().all(is_allowed)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_and_sender_ids_are_those_that_aws_takes() {
        for good in ["0.05", ".5", "12.34567"] {
            assert!(is_price(good), "{good}");
        }
        for bad in ["", "1", "1.", "123.1", "0.123456", "0,05", "-0.5", "0.5 ", "$0.5"] {
            assert!(!is_price(bad), "{bad}");
        }
        for good in ["Whispr", "A1", "My-Brand-99"] {
            assert!(is_sender_id(good), "{good}");
        }
        for bad in ["", "12345", "two words", "Twelve-chars", "Brand!", "Bränd"] {
            assert!(!is_sender_id(bad), "{bad}");
        }
    }
}

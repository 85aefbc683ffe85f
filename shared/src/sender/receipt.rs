//! What is kept of a message whose sender wants to know whether it arrives.

use std::fmt;

/// An id is no longer than this.
const LONGEST: usize = 128;

/// A sender, and its id of a message. Written as `sender:id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub sender: String,
    pub message_id: String,
}

impl Receipt {
    /// None for an id that is not a plain word.
    #[must_use]
    pub fn new(sender: &str, message_id: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = (1..=LONGEST).contains(&message_id.len()) && message_id.bytes().all(is_plain);
        fits.then(|| Self { sender: sender.to_owned(), message_id: message_id.to_owned() })
    }

    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sender, message_id) = text.split_once(':')?;
        Self::new(sender, message_id)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sender, self.message_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_one_word_and_is_read_back() {
        let receipt = Receipt::new("end-user-messaging", "5b1c-7_A").expect("a receipt");
        assert_eq!(receipt.to_string(), "end-user-messaging:5b1c-7_A");
        assert_eq!(Receipt::parse(&receipt.to_string()), Some(receipt));
        for bad in ["", "a b", "a:b", "a\n", &"x".repeat(129)] {
            assert_eq!(Receipt::new("x", bad), None, "{bad}");
        }
        assert_eq!(Receipt::parse("no colon"), None);
    }
}

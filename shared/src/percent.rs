//! Percent-encoding of a part of a URL.

use std::fmt::Write as _;

/// Encodes all but what RFC 3986 never reserves: letters, digits and `-._~`.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::percent_encode;

    #[test]
    fn all_but_letters_digits_and_four_marks_are_encoded() {
        assert_eq!(percent_encode("aZ09-._~"), "aZ09-._~");
        assert_eq!(percent_encode("a b/c?d=%é+"), "a%20b%2Fc%3Fd%3D%25%C3%A9%2B");
    }
}

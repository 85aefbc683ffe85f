//! Lower-case hexadecimal digits.

use std::fmt::Write as _;

#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The 32 bytes of a SHA-256 from its 64 digits, in either case.
#[must_use]
pub fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    // A sign would be a digit for `from_str_radix`.
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::{hex, parse_hash};

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8).unwrap());
        let text = hex(&hash);
        assert!(text.starts_with("0008101820") && text.ends_with("f8"), "{text}");
        assert_eq!(parse_hash(&text), Some(hash));
        assert_eq!(parse_hash(&text.to_uppercase()), Some(hash));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for bad in [
            "",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"+f".repeat(32),
            &"é".repeat(32),
        ] {
            assert_eq!(parse_hash(bad), None, "{bad}");
        }
    }
}

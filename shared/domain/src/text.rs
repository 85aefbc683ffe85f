//! Free text from clients: counted in Unicode scalars, without control characters.

use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    #[error("must not be empty")]
    Empty,
    #[error("must be at most {max} characters long")]
    TooLong { max: usize },
    #[error("must not contain control characters")]
    Control,
}

/// Checks `value`; the text itself is kept as it came.
pub fn bounded(value: String, max: usize) -> Result<String, TextError> {
    if value.is_empty() {
        return Err(TextError::Empty);
    }
    if value.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    if value.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_counted_not_bytes() {
        assert!(bounded("é".repeat(100), 100).is_ok());
        assert_eq!(bounded("é".repeat(101), 100), Err(TextError::TooLong { max: 100 }));
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["\0", "a\nb", "\u{85}", "\u{7f}"] {
            assert_eq!(bounded(bad.to_owned(), 10), Err(TextError::Control), "{bad:?}");
        }
        assert_eq!(bounded(String::new(), 10), Err(TextError::Empty));
    }
}

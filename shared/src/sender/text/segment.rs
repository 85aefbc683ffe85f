//! How much of an SMS a text takes: 160 of GSM's letters, or 70 UTF-16 units if one letter is
//! not of GSM's (3GPP TS 23.038). Longer texts are sent, and paid for, as several.

/// Letters of the default alphabet.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Letters of the extension table, which take two places.
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

const GSM_LENGTH: usize = 160;
const UTF16_LENGTH: usize = 70;

/// Whether the text is one SMS.
pub(super) fn is_one_segment(text: &str) -> bool {
    match gsm_length(text) {
        Some(length) => length <= GSM_LENGTH,
        None => text.encode_utf16().count() <= UTF16_LENGTH,
    }
}

/// Places that the text takes in GSM's alphabet; `None` if it has other letters.
fn gsm_length(text: &str) -> Option<usize> {
    text.chars()
        .map(|letter| match letter {
            _ if GSM.contains(letter) => Some(1),
            _ if GSM_EXTENSION.contains(letter) => Some(2),
            _ => None,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_160_letters_of_gsm_or_70_others() {
        assert_eq!(GSM.chars().count(), 127, "all of the table but the escape");
        for (letter, most) in [("a", 160), ("à", 160), ("€", 80), ("ç", 70), ("ش", 70), ("😀", 35)]
        {
            assert!(is_one_segment(&letter.repeat(most)), "{letter}");
            assert!(!is_one_segment(&letter.repeat(most + 1)), "{letter}");
        }
        // One foreign letter makes the whole text one of 70.
        assert!(!is_one_segment(&format!("{}ç", "a".repeat(70))));
    }
}

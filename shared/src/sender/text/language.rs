//! The language of a message, by `Accept-Language` (RFC 9110 §12.5.4).

use super::languages::{ALL, ENGLISH};
use super::sentences::Sentences;

/// One of the languages that messages are written in.
#[derive(Clone, Copy, Debug)]
pub struct Language(&'static Sentences);

impl Default for Language {
    fn default() -> Self {
        Self(ENGLISH)
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
    }
}

impl Language {
    /// Primary subtag of BCP 47.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        self.0.tag
    }

    pub(super) const fn sentences(self) -> &'static Sentences {
        self.0
    }

    /// The one that the header prefers; English if it names none of the list.
    #[must_use]
    pub fn preferred(header: &str) -> Self {
        let mut best = (Self::default(), 0.0_f32);
        for range in header.split(',').take(20) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(Some(1.0), |q| q.parse::<f32>().ok())
                .filter(|q| (0.0..=1.0).contains(q))
                .unwrap_or(0.0);
            if let Some(language) = Self::of_tag(&tag).filter(|_| quality > best.1) {
                best = (language, quality);
            }
        }
        best.0
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = match tag.split('-').next() {
            // Android still says so for Indonesian.
            Some("in") => "id",
            primary => primary?,
        };
        ALL.iter().find(|sentences| sentences.tag == primary).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_preferred_one() {
        for (header, expected) in [
            ("", "en"),
            ("fr", "fr"),
            ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
            ("sv,en;q=0.5,fr;q=0.7", "fr"),
            ("en-GB,fr;q=0.9", "en"),
            ("fr;q=0", "en"),
            ("fr;q=nonsense", "en"),
            ("frisian", "en"),
            (";;;,,,q=1", "en"),
            ("*", "en"),
            ("PT-br", "pt"),
            ("zh-Hant-TW,en;q=0.9", "zh"),
            ("in-ID", "id"),
            ("ar;q=0.4,ko;q=0.6", "ko"),
        ] {
            assert_eq!(Language::preferred(header).tag(), expected, "{header}");
        }
    }
}

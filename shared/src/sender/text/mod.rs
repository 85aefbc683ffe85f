//! The text of a message: its words in the client's language, and the lines that let an app or a
//! browser fill the code in. It is one SMS in every language.
//!
//! | file | what it holds |
//! |---|---|
//! | `languages` | the sentences, one file for each language |
//! | `sentences` | what a language needs |
//! | `language` | the choice by `Accept-Language` |
//! | `notice` | what a number is told that is no code |
//! | `segment` | whether a text is one SMS |

mod language;
mod languages;
mod notice;
mod segment;
mod sentences;

pub use language::Language;
pub use notice::Notice;

use crate::config::EnvReader;
use domain::verification::{CODE_TTL, Code, Purpose};
use sentences::Sentences;

/// The longest code. With it, the shortest text must still be one SMS.
const LONGEST_CODE: &str = "0123456789";

/// What every message says besides its code.
#[derive(Clone, Debug)]
pub struct MessageConfig {
    pub brand: String,
    /// Android's app hash, for reading the code without asking.
    pub app_hash: Option<String>,
    /// The domain of origin-bound codes.
    pub domain: Option<String>,
}

impl MessageConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        let config = Self {
            brand: env.text("SMS_BRAND", "Whispr"),
            app_hash: env.optional("SMS_APP_HASH"),
            domain: env.optional("SMS_DOMAIN"),
        };
        // In English, which is said wherever another language takes more room.
        let longest =
            [true, false].map(|known| config.text(Language::default(), LONGEST_CODE, known));
        if !longest.iter().all(|text| segment::is_one_segment(text)) {
            env.error(
                "SMS_BRAND",
                "leaves, with SMS_APP_HASH and SMS_DOMAIN, no room for a code in one SMS",
            );
        }
        config
    }

    /// The first of these that is one SMS: the language's text, its brief text, the English ones.
    fn text(&self, language: Language, digits: &str, known: bool) -> String {
        let choices = |of: &Sentences| {
            // The brief text does not tell that there is no account.
            if known { vec![of.code, of.brief] } else { vec![of.no_account] }
        };
        let all = [language, Language::default()].map(|language| choices(language.sentences()));
        let mut texts = all.into_iter().flatten().map(|sentence| self.fill(sentence, digits));
        let first = texts.next().unwrap_or_default();
        if segment::is_one_segment(&first) {
            return first;
        }
        texts.find(|text| segment::is_one_segment(text)).unwrap_or(first)
    }

    fn fill(&self, sentence: &str, digits: &str) -> String {
        let minutes = (CODE_TTL.as_secs() / 60).to_string();
        let mut text = sentence
            .replace("{code}", digits)
            .replace("{minutes}", &minutes)
            // Last: an operator's text is not filled in again.
            .replace("{brand}", &self.brand);
        // SMS Retriever's hash; origin-bound one-time codes, which want the last line.
        if let Some(hash) = &self.app_hash {
            text.push('\n');
            text.push_str(hash);
        }
        if let Some(domain) = &self.domain {
            text.push_str("\n@");
            text.push_str(domain);
            text.push_str(" #");
            text.push_str(digits);
        }
        text
    }
}

/// The text of a message.
#[must_use]
pub fn body(
    config: &MessageConfig,
    language: Language,
    code: &Code,
    purpose: Purpose,
    known: bool,
) -> String {
    // A registration does not tell whether there is an account: whoever asks is about to make one.
    // Nor does a change of the number, for which there must be none.
    config.text(language, code.digits(), known || purpose != Purpose::Login)
}

/// The same for a channel other than SMS, taken because an SMS could not be sent: it begins with
/// the reason.
#[must_use]
pub fn with_reason(language: Language, body: &str) -> String {
    format!("{} {body}", language.sentences().not_by_sms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn config(lines: bool) -> MessageConfig {
        MessageConfig {
            brand: "Whispr".to_owned(),
            app_hash: lines.then(|| "FA+9qCX9VSu".to_owned()),
            domain: lines.then(|| "whispr.app".to_owned()),
        }
    }

    #[test]
    fn a_notice_is_one_sms() {
        let text = Notice::PhoneChanged.text(&config(true));
        assert!(text.starts_with("Whispr: ") && segment::is_one_segment(&text), "{text}");
        assert_eq!(Notice::parse("phone_changed"), Some(Notice::PhoneChanged));
        assert_eq!(Notice::parse("log_in_stopped"), None);
    }

    #[test]
    fn every_text_is_one_sms_and_says_everything() {
        let mut seen = HashSet::new();
        for sentences in &languages::ALL {
            let language = Language::preferred(sentences.tag);
            assert_eq!(language.tag(), sentences.tag);
            for (digits, lines, known) in [
                ("123456", false, true),
                ("123456", false, false),
                ("123456", true, true),
                ("1234567890", false, true),
                ("1234567890", true, true),
                ("1234567890", true, false),
            ] {
                let text = config(lines).text(language, digits, known);
                assert!(segment::is_one_segment(&text), "{}: {text}", sentences.tag);
                for part in ["Whispr", "10", digits] {
                    assert!(text.contains(part), "{}: {text}", sentences.tag);
                }
                assert!(!text.contains(['{', '}']), "{text}");
                assert_eq!(text.ends_with(&format!("\nFA+9qCX9VSu\n@whispr.app #{digits}")), lines);
                // Who has an account is never answered in another language.
                let english = config(lines).text(Language::default(), digits, known);
                if known && sentences.tag != "en" {
                    assert_ne!(text, english, "{}", sentences.tag);
                }
                seen.insert(text);
            }
        }
        assert!(seen.len() >= 20 * 4, "texts of two languages are the same");
    }

    #[test]
    fn without_room_for_a_language_the_text_is_english() {
        let long =
            MessageConfig { domain: Some("messenger.example.org".to_owned()), ..config(true) };
        let russian = Language::preferred("ru");
        assert_eq!(
            long.text(russian, "1234567890", true),
            long.text(Language::default(), "1234567890", true)
        );
        assert_ne!(
            config(false).text(russian, "123456", true),
            config(false).text(Language::default(), "123456", true)
        );
    }

    #[test]
    fn a_brand_is_not_filled_in_again() {
        let odd = MessageConfig { brand: "{code}".to_owned(), ..config(false) };
        assert!(odd.text(Language::default(), "123456", true).starts_with("{code}: your code"));
    }
}

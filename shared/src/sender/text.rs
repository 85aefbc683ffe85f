//! The words of a message, in English and French. All letters are of the GSM alphabet,
//! in which a message of 160 characters is one SMS.

use crate::config::EnvReader;
use domain::verification::{CODE_TTL, Code, Purpose};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    French,
}

impl Language {
    /// The one that `Accept-Language` likes better (RFC 9110 §12.5.4); English else.
    #[must_use]
    pub fn preferred(header: &str) -> Self {
        let mut best = (Self::English, 0.0_f32);
        for range in header.split(',').take(20) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(Some(1.0), |q| q.parse::<f32>().ok())
                .filter(|q| (0.0..=1.0).contains(q))
                .unwrap_or(0.0);
            let language = match tag.split('-').next() {
                Some("fr") => Self::French,
                Some("en") => Self::English,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }
}

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
        Self {
            brand: env.text("SMS_BRAND", "Whispr"),
            app_hash: env.optional("SMS_APP_HASH"),
            domain: env.optional("SMS_DOMAIN"),
        }
    }
}

/// The body: brand, code, validity, a warning, and the lines that let the app or the
/// browser fill the code in (SMS Retriever's hash; origin-bound one-time codes, which
/// want the last line).
#[must_use]
pub fn body(
    config: &MessageConfig,
    language: Language,
    code: &Code,
    purpose: Purpose,
    known: bool,
) -> String {
    let (brand, digits, minutes) = (&config.brand, code.digits(), CODE_TTL.as_secs() / 60);
    let no_account = purpose == Purpose::Login && !known;
    let mut body = match language {
        Language::English => {
            let note = if no_account { " There is no account yet for this number." } else { "" };
            format!(
                "{brand}: your code is {digits}. Valid for {minutes} minutes, do not share it.{note}"
            )
        }
        Language::French => {
            let note = if no_account { " Ce numéro n'a pas encore de compte." } else { "" };
            format!(
                "{brand} : votre code est {digits}. Valable {minutes} minutes, ne le partagez pas.{note}"
            )
        }
    };
    if let Some(hash) = &config.app_hash {
        body.push('\n');
        body.push_str(hash);
    }
    if let Some(domain) = &config.domain {
        body.push_str("\n@");
        body.push_str(domain);
        body.push_str(" #");
        body.push_str(digits);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_better_liked_one() {
        for (header, expected) in [
            ("", Language::English),
            ("fr", Language::French),
            ("fr-CA,fr;q=0.9,en;q=0.8", Language::French),
            ("de,en;q=0.5,fr;q=0.7", Language::French),
            ("en-GB,fr;q=0.9", Language::English),
            ("fr;q=0", Language::English),
            ("fr;q=nonsense", Language::English),
            ("frisian", Language::English),
            (";;;,,,q=1", Language::English),
        ] {
            assert_eq!(Language::preferred(header), expected, "{header}");
        }
    }
}

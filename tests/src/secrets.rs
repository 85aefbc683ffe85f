//! What must not leave: every line logged, and every answer given, during the whole run is
//! searched for numbers, codes, tokens, ids of verifications, keys and peppers.
//!
//! A finding is kept until the next answer of any test is checked, which then fails: a log
//! line belongs to no test.

use serde_json::Value;
use std::collections::HashSet;
use std::io;
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};

#[derive(Default)]
struct Watch {
    /// Codes, ids and keys that were handed out.
    known: HashSet<String>,
    /// Words of log lines that could be one that is handed out a moment later.
    logged: HashSet<String>,
    leaks: Vec<String>,
    lines: usize,
}

static WATCH: LazyLock<Mutex<Watch>> = LazyLock::new(Mutex::default);
static START: Once = Once::new();

fn watch() -> MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends this process's log through the search. Every service begins with it.
pub fn begin() {
    START.call_once(|| shared::telemetry::init(|| Searched));
}

/// Adds a secret. One that a line has held already is a finding as well.
pub fn remember(secret: &str) {
    let mut watch = watch();
    if watch.logged.contains(secret) {
        watch.leaks.push(format!("a log line held {secret}"));
    }
    watch.known.insert(secret.to_owned());
}

/// What was found so far.
#[must_use]
pub fn leaks() -> Vec<String> {
    watch().leaks.clone()
}

/// How many lines were searched, so that a search of nothing is noticed.
#[must_use]
pub fn searched() -> usize {
    watch().lines
}

/// Words, as a secret would stand in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c)))
        .filter(|word| word.len() >= 6)
}

/// A phone number anywhere in a text: a plus and at least seven digits.
fn number(text: &str) -> Option<&str> {
    text.split('+').skip(1).find(|rest| rest.chars().take_while(char::is_ascii_digit).count() >= 7)
}

/// What an answer must not hold: tokens and ids belong there, numbers and keys do not.
#[must_use]
pub fn in_answer(text: &str) -> Option<String> {
    // In the base64 of a key, a plus and seven digits are chance: it happens in every millionth.
    let mut short = words(text).filter(|word| word.len() < 40);
    if let Some(number) = short.find_map(number) {
        return Some(format!("a number: +{number}"));
    }
    let watch = watch();
    let is_key = |word: &&str| word.len() >= 40 && watch.known.contains(*word);
    words(text).find(is_key).map(|key| format!("a key: {key}"))
}

/// What the metrics must not hold: any secret that was handed out, whatever its kind.
#[must_use]
pub fn in_metrics(text: &str) -> Option<String> {
    let watch = watch();
    let known = words(text).find(|word| watch.known.contains(*word) || word.starts_with("eyJ"));
    known.or_else(|| number(text)).map(|secret| format!("in a metric: {secret}"))
}

/// Every text in a line, the fields of its span included. Times and durations are digits of
/// every kind, and are left out.
fn collect_texts(name: &str, value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if !matches!(name, "timestamp" | "duration_ms") => {
            texts.push(text.clone());
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect_texts(name, value, texts));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_texts(name, value, texts)),
        _ => {}
    }
}

fn search_line(line: &str) {
    let mut texts = Vec::new();
    match serde_json::from_str::<Value>(line) {
        Ok(value) => collect_texts("", &value, &mut texts),
        Err(_) => texts.push(line.to_owned()),
    }
    let mut watch = watch();
    watch.lines += 1;
    for text in texts {
        if number(&text).is_some() || text.contains("eyJ") {
            watch.leaks.push(format!("a log line held a number or a token: {line}"));
        }
        for word in words(&text) {
            if watch.known.contains(word) {
                watch.leaks.push(format!("a log line held {word}: {line}"));
            }
            let is_code = word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit());
            if is_code || word.len() >= 36 {
                watch.logged.insert(word.to_owned());
            }
        }
    }
}

/// Where the log goes: nowhere, once it was searched.
struct Searched;

impl io::Write for Searched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            search_line(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

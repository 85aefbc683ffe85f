//! Where a secret is in the cloud.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// A secret of the cloud, or one field of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretSource {
    /// Its name or ARN.
    pub id: String,
    field: Option<String>,
}

impl SecretSource {
    /// Reads `id` or `id#field`. Neither a name nor an ARN holds a `#`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, field) = match text.split_once('#') {
            None => (text, None),
            Some((id, field)) if !field.is_empty() => (id, Some(field.to_owned())),
            Some(_) => return None,
        };
        (!id.is_empty()).then(|| Self { id: id.to_owned(), field })
    }

    /// What this source means of the text of its secret. A field that is no text is given as JSON.
    pub(super) fn read(&self, text: &SecretString) -> Option<SecretString> {
        let Some(field) = &self.field else { return Some(text.clone()) };
        let Ok(Value::Object(mut object)) = serde_json::from_str(text.expose_secret()) else {
            return None;
        };
        match object.remove(field)? {
            Value::Null => None,
            Value::String(text) => Some(SecretString::from(text)),
            other => Some(SecretString::from(other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str, text: &str) -> Option<String> {
        let read = SecretSource::parse(source)?.read(&SecretString::from(text))?;
        Some(read.expose_secret().to_owned())
    }

    #[test]
    fn a_source_is_a_secret_or_one_field_of_it() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:auth/prod/keys-AbCdEf";
        assert_eq!(SecretSource::parse(arn).unwrap().id, arn);
        assert_eq!(SecretSource::parse(&format!("{arn}#pepper")).unwrap().id, arn);
        for bad in ["", "#", "#field", "id#"] {
            assert_eq!(SecretSource::parse(bad), None, "{bad}");
        }
        assert_eq!(read("id", "text").as_deref(), Some("text"));
        let object = r#"{"a":"x","b":{"current":"y"},"c":7,"d":null}"#;
        assert_eq!(read("id#a", object).as_deref(), Some("x"));
        assert_eq!(read("id#b", object).as_deref(), Some(r#"{"current":"y"}"#));
        assert_eq!(read("id#c", object).as_deref(), Some("7"));
        for (source, text) in [("id#d", object), ("id#e", object), ("id#a", "[]"), ("id#a", "x")] {
            assert_eq!(read(source, text), None, "{source} of {text}");
        }
    }
}

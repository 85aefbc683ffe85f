//! Bodies: size, UTF-8, one JSON object of bounded depth, types, then the constructors of
//! the domain. What comes out of [`ValidatedJson`] needs no further checking.

use axum::extract::{FromRequest, Request};
use http::header;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use std::fmt::Display;

use super::json_object::{JsonObject, duplicate_field};
use crate::http::problem::{Code, FieldError, Problem};

/// Largest body that is accepted.
pub const BODY_LIMIT: usize = 100 * 1024;
/// Largest body of a route that takes keys: 200 of 2.2 kB, and the rest.
pub const KEYS_BODY_LIMIT: usize = 1024 * 1024;
/// How much of a larger body is read and dropped, so that the client, still sending,
/// receives the answer.
const DROPPED: usize = 1024 * 1024;
const MAX_DEPTH: usize = 32;

/// A request body: its form on the wire, and its validation.
pub trait Validate: Sized + Send {
    type Wire: DeserializeOwned;
    /// The largest body in bytes.
    const LIMIT: usize = BODY_LIMIT;

    fn validate(wire: Self::Wire, errors: &mut ValidationErrors) -> Option<Self>;
}

/// A validated body.
pub struct ValidatedJson<T>(pub T);

impl<S: Sync, T: Validate> FromRequest<S> for ValidatedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request).await.map(Self)
    }
}

/// Reads and validates a body.
pub async fn read<T: Validate>(request: Request) -> Result<T, Problem> {
    let is_json = request.headers().get(header::CONTENT_TYPE).map(|value| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    });
    let bytes = collect(request.into_body(), T::LIMIT).await?;
    if is_json != Some(true) && !(is_json.is_none() && bytes.is_empty()) {
        return Err(Problem::new(Code::NotJson));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Problem::new(Code::BodyMalformed))?;
    validate(text)
}

/// Validates a body that is text already.
pub fn validate<T: Validate>(text: &str) -> Result<T, Problem> {
    let text = if text.trim_ascii().is_empty() { "{}" } else { text };
    if !text.trim_ascii_start().starts_with('{') || depth(text) > MAX_DEPTH {
        return Err(Problem::new(Code::BodyMalformed));
    }
    let mut errors = ValidationErrors::default();
    let value = T::validate(parse(text)?, &mut errors);
    match value {
        Some(value) if errors.fields.is_empty() && errors.keys.is_empty() => Ok(value),
        // What is wrong with the request's form comes before what is wrong with a key.
        _ if errors.fields.is_empty() => Err(Problem::with_errors(Code::KeyInvalid, errors.keys)),
        _ => Err(Problem::invalid(errors.fields)),
    }
}

async fn collect(mut body: axum::body::Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::BodyMalformed))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > limit + DROPPED {
            break;
        }
    }
    if length > limit {
        return Err(Problem::new(Code::BodyTooLarge));
    }
    Ok(bytes)
}

/// How deep objects and lists are nested; serde would follow four times as deep, also
/// where it only skips.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn parse<W: DeserializeOwned>(text: &str) -> Result<W, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize::<_, JsonObject<W>>(&mut deserializer);
    let JsonObject(wire) = parsed.map_err(|error| {
        let path = error.path().to_string();
        if !error.inner().is_data() {
            return Problem::new(Code::BodyMalformed);
        }
        // The library's text may hold what the client sent, so it is not used.
        let (field, code, detail) = match duplicate_field() {
            Some(field) => (within(&path, field), "duplicate", "must be given once"),
            None => (path, "wrong_type", "is of the wrong type"),
        };
        Problem::invalid(vec![FieldError::new(&field, code, detail)])
    })?;
    deserializer.end().map_err(|_| Problem::new(Code::BodyMalformed))?;
    Ok(wire)
}

/// The path of a field within the object at `path`, which is `.` for the body itself.
fn within(path: &str, field: &str) -> String {
    if path == "." { field.to_owned() } else { format!("{path}.{field}") }
}

/// Collects what is wrong with a body's fields, all at once.
#[derive(Debug, Default)]
pub struct ValidationErrors {
    fields: Vec<FieldError>,
    keys: Vec<FieldError>,
}

impl ValidationErrors {
    pub fn add(&mut self, field: &str, code: &'static str, detail: impl Display) {
        self.fields.push(FieldError::new(field, code, detail));
    }

    /// A field in good form that holds no usable key or signature.
    pub fn add_key(&mut self, field: &str, detail: impl Display) {
        self.keys.push(FieldError::new(field, "invalid", detail));
    }

    /// A field that must be there.
    pub fn required<I, T, E: Display>(
        &mut self,
        field: &str,
        value: Option<I>,
        parse: impl FnOnce(I) -> Result<T, E>,
    ) -> Option<T> {
        if value.is_none() {
            self.add(field, "required", "is required");
        }
        self.optional(field, value, parse)
    }

    /// A field that may be absent.
    pub fn optional<I, T, E: Display>(
        &mut self,
        field: &str,
        value: Option<I>,
        parse: impl FnOnce(I) -> Result<T, E>,
    ) -> Option<T> {
        match parse(value?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, "invalid", error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_outside_of_strings_alone() {
        assert_eq!(depth(r#"{"a":[{"b":"]]{{\"["}]}"#), 3);
        assert_eq!(depth(&"[".repeat(40)), 40);
        assert_eq!(depth(""), 0);
    }
}

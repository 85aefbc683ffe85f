//! The one door for bodies: JSON object, UTF-8, size, depth, types, then the domain's own
//! constructors. What comes out of [`Body`] needs no further checking.

use axum::extract::{FromRequest, Request};
use http::header;
use http_body_util::BodyExt as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt::{self, Display};
use std::marker::PhantomData;

use super::context::RequestContext;
use super::problem::{Code, FieldError, Problem};
use crate::app::App;
use crate::limits::Limit;

/// Largest body taken.
pub const BODY_LIMIT: usize = 100 * 1024;
/// Largest body of a route that takes keys: 200 of 2.2 kB, and the rest.
pub const KEYS_BODY_LIMIT: usize = 1024 * 1024;
/// How much of a larger one is read and dropped, so that the client, still sending,
/// sees the answer.
const DROPPED: usize = 1024 * 1024;
const MAX_DEPTH: usize = 32;

/// A request body: how it stands on the wire, and how it is checked.
pub trait Validate: Sized + Send {
    type Wire: DeserializeOwned;
    /// On a public route, the limit of the address. The flow counts it together with its
    /// own work; a body that never reaches the flow is counted at the door.
    const COUNTED: Option<Limit>;
    /// The largest body in bytes.
    const LIMIT: usize = BODY_LIMIT;

    fn validate(wire: Self::Wire, errors: &mut ValidationErrors) -> Option<Self>;
}

/// A checked body.
pub struct ValidatedJson<T>(pub T);

impl<T: Validate> FromRequest<App> for ValidatedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let context = RequestContext::of(request.extensions())?;
        match read(request).await {
            Ok(value) => Ok(Self(value)),
            Err(problem) => match T::COUNTED {
                Some(limit) => Err(context.refuse_counted(app, limit, problem).await),
                None => Err(problem),
            },
        }
    }
}

/// Reads and checks a body, whoever asks.
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
    let wire = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return Problem::new(Code::BodyMalformed);
        }
        // The library's own words may hold what the client sent: only the name of the
        // field, which is ours, is taken from them.
        let text = error.to_string();
        let duplicate =
            text.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
        let (field, code, detail) = match duplicate {
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

/// A JSON object within a body. What serde derives would read a list into the same fields.
#[derive(Debug)]
pub struct JsonObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for JsonObjectVisitor<T> {
            type Value = JsonObject<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(JsonObject)
            }
        }
        deserializer.deserialize_map(JsonObjectVisitor(PhantomData))
    }
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

/// Reads a UUID in its hyphenated form.
pub fn uuid(text: &str) -> Result<uuid::Uuid, &'static str> {
    let parsed = if text.len() == 36 { uuid::Uuid::try_parse(text).ok() } else { None };
    parsed.ok_or("is not a UUID")
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

    #[test]
    fn only_the_hyphenated_form_is_a_uuid() {
        assert!(uuid("0190a5d0-0000-7000-8000-000000000000").is_ok());
        for bad in
            ["", "0190a5d0000070008000000000000000", "{0190a5d0-0000-7000-8000-00000000000}", "x"]
        {
            assert!(uuid(bad).is_err(), "{bad}");
        }
    }
}

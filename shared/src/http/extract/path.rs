//! The ids in a path.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use crate::http::problem::{Code, Problem};

/// The ids in a path, in their order.
#[derive(Clone, Copy, Debug)]
pub struct PathIds<const N: usize>(pub [Uuid; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for PathIds<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let malformed = || Problem::new(Code::IdMalformed);
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| malformed())?;
        let ids: Result<Vec<Uuid>, _> = params.iter().map(|(_, value)| uuid(value)).collect();
        ids.ok().and_then(|ids| ids.try_into().ok()).map(Self).ok_or_else(malformed)
    }
}

/// Parses a UUID in its hyphenated form.
pub fn uuid(text: &str) -> Result<Uuid, &'static str> {
    let parsed = if text.len() == 36 { Uuid::try_parse(text).ok() } else { None };
    parsed.ok_or("is not a UUID")
}

#[cfg(test)]
mod tests {
    use super::*;

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

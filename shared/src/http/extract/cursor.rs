//! Where a page of a list begins: the query parameter `cursor`.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::request::Parts;

use crate::http::problem::{FieldError, Problem};

/// A position in a list. Its text is opaque to clients, and holds nothing that is not in the list.
pub trait Position: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// The cursor of a request: none for the first page.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<P>(pub Option<P>);

/// The cursor of the page that begins behind this position.
#[must_use]
pub fn next_cursor(position: &impl Position) -> String {
    BASE64.encode(position.to_bytes())
}

impl<S: Send + Sync, P: Position> FromRequestParts<S> for Cursor<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<P: Position>(query: &str) -> Result<Option<P>, Problem> {
    let fault =
        |code, detail: &str| Problem::invalid(vec![FieldError::new("cursor", code, detail)]);
    // A cursor has no character that a query would escape.
    let mut cursors = query.split('&').filter_map(|pair| pair.strip_prefix("cursor="));
    let Some(cursor) = cursors.next().filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
    if cursors.next().is_some() {
        return Err(fault("duplicate", "must be given once"));
    }
    let position = BASE64.decode(cursor).ok().and_then(|bytes| P::from_bytes(&bytes));
    position.map(Some).ok_or_else(|| fault("invalid", "is not the nextCursor of a page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Place(u8);

    impl Position for Place {
        fn to_bytes(&self) -> Vec<u8> {
            vec![self.0]
        }

        fn from_bytes(bytes: &[u8]) -> Option<Self> {
            let [place] = bytes else { return None };
            Some(Self(*place))
        }
    }

    #[test]
    fn a_cursor_is_absent_or_one_of_ours() {
        let text = next_cursor(&Place(251));
        assert_eq!(
            parse::<Place>(&format!("a=b&cursor={text}&cursors=x")).unwrap(),
            Some(Place(251))
        );
        for none in ["", "cursor=", "a=b", "cursors=x", "cursor"] {
            assert_eq!(parse::<Place>(none).unwrap(), None, "{none}");
        }
        let twice = format!("cursor={text}&cursor={text}");
        for bad in ["cursor=%20", "cursor=x", "cursor=AAAA", "cursor==", twice.as_str()] {
            assert!(parse::<Place>(bad).is_err(), "{bad}");
        }
    }
}

//! An event of API Gateway's HTTP API or of a Function URL (payload format 2.0) as a request.
//!
//! Paths, queries and headers are a client's own bytes, which the gateway decodes and joins as
//! it likes, so nothing of them may fail: what no URI holds is percent-encoded, and a header
//! that is none is left out. Other formats are refused as a whole. In those of a REST API and
//! of a load balancer, the address of the client stands elsewhere or only in a header.

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use thiserror::Error;

use crate::http::ClientConnection;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum EventError {
    #[error("the event is none of an HTTP API with payload format 2.0")]
    Format,
    #[error("the method of the event is none")]
    Method,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    version: String,
    raw_path: String,
    raw_query_string: Option<String>,
    headers: Option<Map<String, Value>>,
    request_context: RequestContext,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: Http,
    time_epoch: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

/// The request of an event. The gateway's own request context says who sent it, and when.
pub(super) fn request(event: Value) -> Result<Request, EventError> {
    let event: Event = serde_json::from_value(event).map_err(|_| EventError::Format)?;
    if event.version != "2.0" {
        return Err(EventError::Format);
    }
    let connection = client_connection(&event.request_context);
    let method = event.request_context.http.method.as_bytes();
    let mut request = Request::new(body(event.body, event.is_base64_encoded.unwrap_or(false)));
    *request.method_mut() = Method::from_bytes(method).map_err(|_| EventError::Method)?;
    *request.uri_mut() = uri(&event.raw_path, event.raw_query_string.as_deref());
    *request.headers_mut() = headers(event.headers.unwrap_or_default());
    if let Some(connection) = connection {
        request.extensions_mut().insert(connection);
    }
    Ok(request)
}

fn client_connection(context: &RequestContext) -> Option<ClientConnection> {
    let address = context.http.source_ip.as_deref()?.parse().ok()?;
    let arrived = context.time_epoch.filter(|millis| *millis > 0).map(Timestamp::from_millis);
    Some(ClientConnection { address, arrived })
}

/// A path that is none has no route, like `/`.
fn uri(path: &str, query: Option<&str>) -> Uri {
    let mut text = encoded(path, b"?");
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        text.push('?');
        text.push_str(&encoded(query, b""));
    }
    let uri = text.starts_with('/').then(|| text.parse().ok()).flatten();
    uri.unwrap_or_else(|| Uri::from_static("/"))
}

/// Percent-encodes what a URI does not hold as it is, and these characters. What is encoded
/// already stays, well or not.
fn encoded(text: &str, more: &[u8]) -> String {
    const UNSAFE: &[u8] = b"\"#<>\\^`{|}";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !UNSAFE.contains(&byte) && !more.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Several values of one name stand in one text, separated by commas.
fn headers(headers: Map<String, Value>) -> HeaderMap {
    let headers = headers.into_iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_str()?.as_bytes()).ok()?))
    });
    headers.collect()
}

fn body(text: Option<String>, is_base64: bool) -> Body {
    match text {
        None => Body::empty(),
        Some(text) if is_base64 => match BASE64.decode(text) {
            Ok(bytes) => Body::from(bytes),
            // No text has this byte: the route that reads it refuses the body, in its order.
            Err(_) => Body::from(&[0xff_u8][..]),
        },
        Some(text) => Body::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_uri_holds_is_encoded() {
        for (path, query, expected) in [
            ("/auth/v1/health", None, "/auth/v1/health"),
            ("/auth", Some(""), "/auth"),
            ("/a b", Some("x=\"<é>\""), "/a%20b?x=%22%3C%C3%A9%3E%22"),
            ("/a?b#c", Some("d?e#f"), "/a%3Fb%23c?d?e%23f"),
            ("/%zz%", Some("%"), "/%zz%?%"),
            ("/{id}\\", None, "/%7Bid%7D%5C"),
            ("//host/a", None, "//host/a"),
            ("http://host/a", None, "/"),
            ("", Some("a"), "/"),
        ] {
            assert_eq!(uri(path, query).to_string(), expected, "{path} {query:?}");
        }
        let long = format!("/{}", "a".repeat(100_000));
        assert_eq!(uri(&long, None), "/");
    }

    #[test]
    fn headers_that_are_none_are_left_out() {
        let event = serde_json::json!({
            "a b": "x", "": "x", "é": "x", "x-list": "1,2", "x-null": null, "x-number": 7,
            "x-line": "a\r\nb", "X-Latin": "caf\u{e9}",
        });
        let headers = headers(event.as_object().cloned().unwrap_or_default());
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["x-latin", "x-list"]);
    }
}

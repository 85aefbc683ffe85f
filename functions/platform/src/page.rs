//! Answers that caches may keep.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

/// A static page with its cache lifetime.
pub fn kept_page(
    content_type: &str,
    keep: HeaderValue,
    body: impl Into<axum::body::Body>,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_str(content_type).ok()),
        (header::CACHE_CONTROL, Some(keep)),
    ];
    let headers: HeaderMap =
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    (headers, body.into()).into_response()
}

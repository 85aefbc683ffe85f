//! A response as API Gateway takes it (payload format 2.0).

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::BodyExt as _;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    /// The format has it, and `cargo lambda watch` insists on it. This service sets no cookie.
    cookies: [&'static str; 0],
    body: String,
    is_base64_encoded: bool,
}

/// Texts travel as they are, all else in base64.
pub(super) async fn answer(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // Bodies are whole before they are sent.
        Err(error) => {
            tracing::error!(error = %error, "failed to read a response");
            axum::body::Bytes::new()
        }
    };
    let (body, is_base64_encoded) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (BASE64.encode(&bytes), true),
    };
    Answer { status_code: parts.status.as_u16(), headers, cookies: [], body, is_base64_encoded }
}

//! An answer of the service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::collections::HashMap;

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// What a function answers the gateway (payload format 2.0).
    ///
    /// # Panics
    /// If it is not in that format.
    #[must_use]
    pub fn of_gateway(answer: &Value) -> Self {
        let headers: HashMap<String, String> =
            serde_json::from_value(answer["headers"].clone()).expect("headers");
        let text = answer["body"].as_str().unwrap_or_default();
        let body = if answer["isBase64Encoded"] == true {
            BASE64.decode(text).expect("base64")
        } else {
            text.as_bytes().to_vec()
        };
        let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        Self {
            status: status.and_then(|status| status.try_into().ok()).expect("a status"),
            headers: (&headers).try_into().expect("headers of HTTP"),
            body,
        }
    }

    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The stable code of a problem.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The reply, if it has this status; its body is shown if not.
    ///
    /// # Panics
    /// If the status is another.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "unexpected answer: {body}");
        self
    }

    /// The reply, if it is this refusal.
    ///
    /// # Panics
    /// If it is another answer.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.code(), code, "unexpected refusal: {}", reply.json());
        reply
    }
}

//! What the gateway asks and how it is answered: a `REQUEST` authorizer with payload format 2.0
//! and simple responses.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What is read of a request to the other API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest {
    pub(crate) version: String,
    pub(crate) raw_path: String,
    pub(crate) headers: Option<Map<String, Value>>,
    pub(crate) request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RequestContext {
    pub(crate) http: Http,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Http {
    pub(crate) method: String,
}

/// How a token is shown: alone (RFC 6750 §2.1), or with a proof (RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

impl AuthorizerRequest {
    /// The token of the request.
    pub(crate) fn credentials(&self) -> Option<(Scheme, &str)> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        let schemes = [("bearer", Scheme::Bearer), ("dpop", Scheme::Dpop)];
        let found = schemes.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
        Some((found.1, token.trim()))
    }

    /// A header. The gateway writes names in small letters, and joins several values with commas.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().flatten();
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name))?.1.as_str()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerAnswer {
    pub is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<AuthorizerContext>,
}

/// Who is calling, for the other API: `$context.authorizer.<name>` in its templates, and
/// `requestContext.authorizer.lambda` in the events of its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerContext {
    pub user_id: Uuid,
    pub device_id: Uuid,
    pub session_id: Uuid,
    pub scope: &'static str,
    /// When the token ends, in seconds since 1970.
    pub exp: i64,
}

impl AuthorizerAnswer {
    pub(crate) const fn allow(context: AuthorizerContext) -> Self {
        Self { is_authorized: true, context: Some(context) }
    }

    pub(crate) const fn deny() -> Self {
        Self { is_authorized: false, context: None }
    }
}

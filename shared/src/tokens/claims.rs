//! What each kind of token says.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dpop::Confirmation;

/// `typ` and the claims that every verification compares.
pub(super) trait Claims: DeserializeOwned + Clone {
    const TYP: &'static str;
    fn issuer(&self) -> &str;
    fn audience(&self) -> &str;
}

/// The `typ` of a web-socket token, which this service issues and never verifies.
pub(super) const WS_TYP: &str = "ws+jwt";

/// Claims of access and web-socket tokens.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    pub jti: Uuid,
    pub iat: i64,
    /// Never written, and honoured where it stands (RFC 7519 §4.1.5).
    #[serde(skip_serializing)]
    pub nbf: Option<i64>,
    pub exp: i64,
    pub sid: Uuid,
    #[serde(rename = "deviceId")]
    pub device_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl Claims for AccessClaims {
    const TYP: &'static str = "at+jwt";
    fn issuer(&self) -> &str {
        &self.iss
    }
    fn audience(&self) -> &str {
        &self.aud
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RefreshClaims {
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    pub sid: Uuid,
    #[serde(rename = "deviceId")]
    pub device_id: Uuid,
    pub jti: String,
    #[serde(rename = "gen")]
    pub generation: i32,
    pub fork: i32,
    pub iat: i64,
    #[serde(skip_serializing)]
    pub nbf: Option<i64>,
    pub exp: i64,
    pub auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl Claims for RefreshClaims {
    const TYP: &'static str = "rt+jwt";
    fn issuer(&self) -> &str {
        &self.iss
    }
    fn audience(&self) -> &str {
        &self.aud
    }
}

//! Request and response bodies, and the parsing of requests into domain types.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use shared::http::examples;
use shared::http::extract::json::{Validate, ValidationErrors};
use shared::http::extract::refresh::RefreshBody;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "refreshToken": examples::refresh_token() }))]
pub struct RefreshRequest {
    /// As register, login or the last refresh answered it.
    #[schema(required, value_type = String, max_length = 4096)]
    refresh_token: Option<String>,
}

pub struct Refresh {
    token: SecretString,
}

impl RefreshBody for Refresh {
    fn token(&self) -> &str {
        self.token.expose_secret()
    }
}

impl Validate for Refresh {
    type Wire = RefreshRequest;

    fn validate(wire: RefreshRequest, errors: &mut ValidationErrors) -> Option<Self> {
        // The signature decides whether it is a token: any other string is 401.
        let token = errors.required("refreshToken", wire.refresh_token, |t| {
            Ok::<_, std::convert::Infallible>(SecretString::from(t))
        });
        Some(Self { token: token? })
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RefreshedTokens, example = json!({
    "accessToken": examples::access_token(),
    "refreshToken": examples::refresh_token(),
    "expiresIn": 900,
    "refreshExpiresIn": 2_592_000,
    "userId": examples::USER_ID,
    "deviceId": examples::DEVICE_ID,
}))]
pub struct Tokens {
    /// ES256 JWT, `typ: at+jwt`, for 15 minutes.
    pub access_token: String,
    /// It replaces the token that was sent.
    pub refresh_token: String,
    /// Seconds until the access token expires.
    #[schema(minimum = 0)]
    pub expires_in: u64,
    /// Seconds until the refresh token expires.
    #[schema(minimum = 0)]
    pub refresh_expires_in: u64,
    pub user_id: Uuid,
    pub device_id: Uuid,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "wsToken": examples::web_socket_token(), "expiresIn": 60 }))]
pub struct WsToken {
    pub ws_token: String,
    /// Seconds until it expires.
    #[schema(minimum = 60, maximum = 60)]
    pub expires_in: u64,
}

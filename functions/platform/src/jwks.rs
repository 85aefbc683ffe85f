//! The public keys that verify tokens (RFC 7517).

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use shared::http::examples;
use shared::http::extract::RateLimited;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::openapi::Head;
use shared::http::problem::Problem;
use shared::{endpoints, problems};
use utoipa::ToSchema;

use crate::page::kept_page;
use crate::state::PlatformState;

problems!(PublicProblems: ANY, []);

endpoints!(PlatformState, Head::Answered; fetch_jwks);

const KEEP_FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The public keys that verify the tokens (JWKS).
///
/// RFC 7517. Contains the next key before it signs, and each previous key until the last token
/// signed with it has expired. Fetch it at most every 5 minutes, also for an unknown `kid`.
#[utoipa::path(get, path = "/auth/.well-known/jwks.json", tag = "platform",
    responses((status = 200, body = Jwks), PublicProblems))]
async fn fetch_jwks(
    State(state): State<PlatformState>,
    _: RateLimited<PublicRequests>,
) -> Result<Response, Problem> {
    Ok(kept_page(
        "application/json",
        KEEP_FIVE_MINUTES,
        state.public_keys.current().document().to_owned(),
    ))
}

#[derive(ToSchema)]
#[schema(example = json!({ "keys": [examples::jwk()] }))]
#[expect(dead_code, reason = "documents the key set, which is written once at start")]
struct Jwks {
    keys: Vec<Jwk>,
}

/// A P-256 public key (RFC 7518 §6.2).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the key set, which is written once at start")]
struct Jwk {
    #[schema(example = "EC")]
    kty: String,
    #[schema(example = "P-256")]
    crv: String,
    #[schema(example = "sig")]
    r#use: String,
    #[schema(example = "ES256")]
    alg: String,
    /// RFC 7638 thumbprint.
    kid: String,
    x: String,
    y: String,
}

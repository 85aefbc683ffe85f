//! The documentation: a page to read and to try, and the OpenAPI document. `DOCS=off` closes
//! it: then there is no such page.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use shared::http::extract::RateLimited;
use shared::http::extract::rate_limit::PublicRequests;
use shared::http::openapi::Head;
use shared::http::problem::{Code, Problem};
use shared::{endpoints, problems};

use super::document::OPENAPI;
use crate::page::kept_page;
use crate::state::PlatformState;

problems!(DocumentationProblems: ANY, [NotFound]);

endpoints!(PlatformState, Head::Answered; show_swagger, fetch_openapi);

/// The files of Swagger UI.
pub fn router() -> Router<PlatformState> {
    endpoints()
        .route("/auth/swagger/", axum::routing::get(show_swagger))
        .route("/auth/swagger/{*file}", axum::routing::get(show_swagger_file))
}

const KEEP_FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

const KEEP_AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Swagger UI uses data URLs for icons and inline styles.
const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
);

/// Swagger UI for this API.
///
/// A page to read, and to try each operation from.
#[utoipa::path(get, path = "/auth/swagger", tag = "platform",
    responses((status = 200, body = String, content_type = "text/html", example = "<!doctype html>"), DocumentationProblems))]
async fn show_swagger(
    _: RateLimited<PublicRequests>,
    State(state): State<PlatformState>,
) -> Result<Response, Problem> {
    require_docs(&state)?;
    Ok(swagger_response("text/html; charset=utf-8", SWAGGER_PAGE))
}

fn require_docs(state: &PlatformState) -> Result<(), Problem> {
    if state.has_docs { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}

async fn show_swagger_file(
    _: RateLimited<PublicRequests>,
    State(state): State<PlatformState>,
    file: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    require_docs(&state)?;
    let Path(file) = file.map_err(|_| Problem::new(Code::NotFound))?;
    let known = SWAGGER_FILES.iter().find(|(name, ..)| *name == file);
    let (_, content_type, bytes) = *known.ok_or(Problem::new(Code::NotFound))?;
    Ok(swagger_response(content_type, bytes))
}

const SWAGGER_PAGE: &[u8] = include_bytes!("swagger.html");

/// A file of Swagger UI, which build.rs has unpacked.
macro_rules! swagger_ui {
    ($name:literal, $content_type:literal) => {
        ($name, $content_type, include_bytes!(concat!(env!("OUT_DIR"), "/", $name)))
    };
}

/// The files of the page, with their content types.
const SWAGGER_FILES: [(&str, &str, &[u8]); 6] = [
    ("swagger-initializer.js", "text/javascript", include_bytes!("swagger-initializer.js")),
    swagger_ui!("swagger-ui-bundle.js", "text/javascript"),
    swagger_ui!("swagger-ui.css", "text/css"),
    swagger_ui!("index.css", "text/css"),
    swagger_ui!("favicon-16x16.png", "image/png"),
    swagger_ui!("favicon-32x32.png", "image/png"),
];

fn swagger_response(content_type: &str, bytes: &'static [u8]) -> Response {
    let mut response = kept_page(content_type, KEEP_AN_HOUR, bytes);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, SWAGGER_POLICY);
    response
}

/// The OpenAPI 3.1 document of this API.
///
/// Client generators read it.
#[utoipa::path(get, path = "/auth/swagger-json", tag = "platform",
    responses((status = 200, body = serde_json::Value, example = json!({ "openapi": "3.1.0" })),
        DocumentationProblems))]
async fn fetch_openapi(
    _: RateLimited<PublicRequests>,
    State(state): State<PlatformState>,
) -> Result<Response, Problem> {
    require_docs(&state)?;
    Ok(kept_page("application/json", KEEP_FIVE_MINUTES, OPENAPI))
}

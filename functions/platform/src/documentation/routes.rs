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
use std::sync::{Arc, LazyLock};

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
    let mut page = swagger_file("index.html")?;
    // The page names its files relatively, and the address has no slash at its end.
    let html = String::from_utf8_lossy(&page.1).replacen(
        "<head>",
        r#"<head><base href="/auth/swagger/">"#,
        1,
    );
    page.1 = html.into_bytes();
    Ok(swagger_response(page))
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
    swagger_file(&file).map(swagger_response)
}

static SWAGGER: LazyLock<Arc<utoipa_swagger_ui::Config<'static>>> = LazyLock::new(|| {
    let config = utoipa_swagger_ui::Config::from("/auth/swagger-json");
    // Else the page would ask a validator on the internet.
    Arc::new(config.validator_url("none"))
});

fn swagger_file(name: &str) -> Result<(String, Vec<u8>), Problem> {
    match utoipa_swagger_ui::serve(name, SWAGGER.clone()) {
        Ok(Some(file)) => Ok((file.content_type, file.bytes.into_owned())),
        Ok(None) | Err(_) => Err(Problem::new(Code::NotFound)),
    }
}

fn swagger_response((content_type, bytes): (String, Vec<u8>)) -> Response {
    let mut response = kept_page(&content_type, KEEP_AN_HOUR, bytes);
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

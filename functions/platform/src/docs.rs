//! What the OpenAPI document says beside its operations.

use axum::http::StatusCode;
use shared::http::problem::{FieldFault, MessageBody, ProblemBody, code_table};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, RefOr};

const INTRODUCTION: &str = "\
Phone-number authentication and Signal key directory.

**Bodies** are JSON objects in UTF-8, at most 100 kB and 32 levels deep. Unknown fields are \
ignored, `null` counts as absent, an empty body is an empty object, a field given twice is \
refused. Texts are counted in Unicode scalars and hold no control characters.

**Errors** are `application/problem+json` (RFC 9457); `code` is stable:

";

const INTRODUCTION_END: &str = "
**Limits**: 429 and 503 carry `Retry-After`. `RateLimit-Limit`, `-Remaining` and `-Reset` tell \
what is left to the caller's own address (public routes: 60 requests a minute, code requests: \
10) or account (bearer routes: 300).

**Every answer** carries `X-Request-Id`: the request's own, if it sent 1 to 64 letters, digits \
and hyphens, else a new one.";

/// Completes the document that the routers of all functions make together.
#[must_use]
pub fn openapi(mut document: OpenApi) -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").build();
    document.info = InfoBuilder::new()
        .title("auth")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{INTRODUCTION}{}{INTRODUCTION_END}", code_table())))
        .license(Some(license))
        .build();
    let scheme = |text: &str| {
        SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build(),
        )
    };
    let common = ComponentsBuilder::new()
        .schema_from::<ProblemBody>()
        .schema_from::<FieldFault>()
        .schema_from::<MessageBody>()
        .security_scheme("bearer", scheme("An access token."))
        .security_scheme("metrics", scheme("The metrics token."))
        .build();
    let mut components = document.components.take().unwrap_or_default();
    components.schemas.extend(common.schemas);
    components.security_schemes.extend(common.security_schemes);
    document.components = Some(components);
    describe_successes(&mut document);
    document
}

/// OpenAPI 3.1 asks each response for a description: what says nothing more is told by the
/// words of its status.
fn describe_successes(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
    });
    for operation in operations.flatten() {
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            let known = StatusCode::from_bytes(status.as_bytes()).ok();
            if let (true, Some(status)) = (response.description.is_empty(), known) {
                status.canonical_reason().unwrap_or_default().clone_into(&mut response.description);
            }
        }
    }
}

//! What the OpenAPI document says beside its operations.

use axum::http::StatusCode;
use shared::http::problem::{FieldError, MessageBody, ProblemBody, code_table};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Required, Schema,
};

/// The document of all functions together, as `cargo local generate` wrote it.
pub const OPENAPI: &str = include_str!("../../../../infra/openapi.json");

const INTRODUCTION: &str = "\
Phone-number authentication and Signal key directory.

**Bodies** are JSON objects in UTF-8, at most 100 kB (1 MB where they hold keys) and 32 levels \
deep. Unknown fields are \
ignored, `null` counts as absent, an empty body is an empty object, a field given twice is \
refused. Texts are counted in Unicode scalars and hold no control characters.

**Errors** are `application/problem+json` (RFC 9457); `code` is stable:

";

const INTRODUCTION_END: &str = "
**Limits**: 429 and 503 carry `Retry-After`. `RateLimit-Limit`, `-Remaining` and `-Reset` tell \
what is left to the caller's own address (public routes: 60 requests a minute, code requests: \
10) or account (bearer routes: 300; uploads of keys: 100 an hour; users and devices whose bundles are \
asked for: 1,000 in ten minutes). A caller is given ten one-time \
keys of a device, and ten of a user's devices in one call, at once, and then one in ten minutes: \
beyond that bundles come without, which refuses nothing.

**Shipped clients**: a service that is set up for them (`LEGACY_CLIENTS`) answers the GET routes \
under `/auth/v1/signal` without a token, asks for neither `registrationId` nor Kyber keys, and takes \
a signed prekey whose signature does not hold.

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
        .schema_from::<FieldError>()
        .schema_from::<MessageBody>()
        .security_scheme("bearer", scheme("An access token."))
        .security_scheme("metrics", scheme("The metrics token."))
        .build();
    let mut components = document.components.take().unwrap_or_default();
    components.schemas.extend(common.schemas);
    components.security_schemes.extend(common.security_schemes);
    document.components = Some(components);
    describe_successes(&mut document);
    free_empty_bodies(&mut document);
    document
}

/// A body without a required field may be left out.
fn free_empty_bodies(document: &mut OpenApi) {
    let schemas = document.components.as_ref().map(|components| components.schemas.clone());
    let schemas = schemas.unwrap_or_default();
    let asks_for_nothing = |content: &RefOr<Content>| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(named)), .. }) = content else {
            return false;
        };
        let name = named.ref_location.rsplit('/').next().unwrap_or_default();
        let schema = schemas.get(name);
        matches!(schema, Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
    };
    for operation in operations(document) {
        let Some(body) = &mut operation.request_body else { continue };
        if let RefOr::T(body) = body
            && body.content.values().all(asks_for_nothing)
        {
            body.required = Some(Required::False);
        }
    }
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
    });
    operations.flatten()
}

/// OpenAPI 3.1 asks each response for a description: what says nothing more is told by the
/// words of its status.
fn describe_successes(document: &mut OpenApi) {
    for operation in operations(document) {
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            let known = StatusCode::from_bytes(status.as_bytes()).ok();
            if let (true, Some(status)) = (response.description.is_empty(), known) {
                status.canonical_reason().unwrap_or_default().clone_into(&mut response.description);
            }
        }
    }
}

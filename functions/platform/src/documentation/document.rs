//! What the OpenAPI document says beside its operations.

use axum::http::StatusCode;
use shared::http::account_devices::{DeviceTypeBody, ReplaceableDeviceBody};
use shared::http::problem::{FieldError, ProblemBody, code_table};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, Content, InfoBuilder, LicenseBuilder, OpenApi, RefOr,
    Required, Schema, Server, Tag,
};

use super::examples::name_examples;
use super::schemas::{self, operations};

/// The document of all functions, written by `cargo local generate`.
pub const OPENAPI: &str = include_str!("../../../../infra/openapi.json");

const INTRODUCTION: &str = "\
Phone-number authentication and Signal key directory.

**Bodies** are JSON objects in UTF-8, at most 100 kB (1 MB for bodies with keys) and at most 32 \
levels deep. Unknown fields are ignored. `null` counts as absent. An empty body counts as an empty \
object. A repeated field is refused. String lengths are counted in Unicode scalars; control \
characters are refused.

**Errors** are `application/problem+json` (RFC 9457); `code` is stable:

";

const INTRODUCTION_END: &str = "
**Limits**: 429 and 503 carry `Retry-After`. `RateLimit-Limit`, `-Remaining` and `-Reset` describe \
the limit of the caller's address (public routes: 300 requests per minute, code requests: 10, links for a QR log-in: 30) or \
account (bearer routes: 300 requests per minute, challenges for a QR log-in: 10, key uploads: 100 \
per hour, users and devices whose \
bundles are fetched: 1,000 per 10 minutes). An IPv6 address counts as its /64; code requests also \
count for its /56 (20 per minute) and its /48 (40). A refresh counts for its session (30 per \
minute), and for the address only if its body or token is refused. A token of an ended session \
counts for that session. For one-time prekeys, a caller gets at most 10 per \
target device at once (for calls that fetch all devices: 10 per target user), then 1 per 10 \
minutes. Above that limit, bundles contain no one-time prekey; the request is not refused.

**Address**: a service behind a content delivery network answers 403 `origin_unverified` to \
requests that go past it.

**Older clients**: with `LEGACY_CLIENTS`, the GET routes under `/auth/v1/signal` need no token, \
`registrationId` and Kyber prekeys are optional, and a signed prekey is accepted even if its \
signature is invalid.

**Examples**: groups and operations stand in the order of use. Each example is accepted as it stands, \
once the ids, tokens and codes in it are replaced by those of earlier answers, which the fields name. \
A service on a laptop shows the messages with the codes at `/dev/inbox`. The keys of the examples are \
real. Their `identityProof` is for the `verificationId` beside it; a client signs a new one for each \
verification.

**Every response** has `X-Request-Id`: the value of the request if it has 1 to 64 letters, digits \
and hyphens, else a new UUID.";

/// Completes the merged document of all routers.
#[must_use]
pub fn openapi(mut document: OpenApi) -> OpenApi {
    // By its address: common generators do not know the SPDX identifier of OpenAPI 3.1.
    let license = LicenseBuilder::new()
        .name("MIT OR Apache-2.0")
        .url(Some("https://spdx.org/licenses/Apache-2.0.html"))
        .build();
    let contact = ContactBuilder::new().name(Some("The operator of this deployment")).build();
    document.info = InfoBuilder::new()
        .title("auth")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{INTRODUCTION}{}{INTRODUCTION_END}", code_table())))
        .license(Some(license))
        .contact(Some(contact))
        .build();
    let scheme = |text: &str| {
        SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build(),
        )
    };
    let common = ComponentsBuilder::new()
        .schema_from::<ProblemBody>()
        .schema_from::<FieldError>()
        .schema_from::<ReplaceableDeviceBody>()
        .schema_from::<DeviceTypeBody>()
        .security_scheme(
            "bearer",
            scheme("The `accessToken` that register, login or a refresh answered."),
        )
        .security_scheme("metrics", scheme("The metrics token."))
        .build();
    let mut components = document.components.take().unwrap_or_default();
    components.schemas.extend(common.schemas);
    components.security_schemes.extend(common.security_schemes);
    document.components = Some(components);
    // Of the address that the document was fetched from.
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(tags());
    describe_successes(&mut document);
    free_empty_bodies(&mut document);
    mark_public_operations(&mut document);
    name_examples(&mut document);
    schemas::name_problems(&mut document);
    schemas::forbid_null(&mut document);
    document
}

/// The groups, in the order in which an app meets them.
fn tags() -> Vec<Tag> {
    [
        ("verify", "Prove a phone number by a code."),
        ("login", "Register or log in with a proven number, and log out."),
        ("tokens", "Keep a session: exchange the refresh token, and get tokens for web sockets."),
        ("devices", "See and manage the devices of an account, let others in by QR code, see log-ins and events."),
        ("two-factor", "Protect an account by codes of an authenticator app, and by backup codes."),
        ("account", "See, export, change, lock and delete the account."),
        ("prekeys", "Publish the keys of a device, and fetch those of others (X3DH, PQXDH)."),
        ("platform", "Health, metrics, the key set that verifies tokens, and this document."),
    ]
    .into_iter()
    .map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build())
    .collect()
}

/// An operation without a scheme says so: silence would mean the document's default.
fn mark_public_operations(document: &mut OpenApi) {
    for operation in operations(document) {
        operation.security.get_or_insert_default();
    }
}

/// A request body is optional if it has no required field.
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

/// OpenAPI 3.1 requires a description for each response. The default is the reason phrase.
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

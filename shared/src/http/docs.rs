//! Refusals in the OpenAPI document: an operation names the codes it can answer, the
//! responses follow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use super::problem::Code;

/// What any route may answer.
pub const ANY: &[Code] = &[Code::RateLimited, Code::Internal, Code::Unavailable];
/// What a route with a body may answer.
pub const BODY: &[Code] =
    &[Code::BodyMalformed, Code::ValidationFailed, Code::BodyTooLarge, Code::NotJson];
/// What a route with a caller may answer.
pub const BEARER: &[Code] =
    &[Code::TokenMissing, Code::TokenInvalid, Code::TokenExpired, Code::SessionEnded];

/// The responses of an operation that refuses with these codes.
#[must_use]
pub fn responses(codes: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, String> = BTreeMap::new();
    for code in codes.iter().copied().flatten() {
        let text = by_status.entry(code.status()).or_default();
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{separator}`{}`: {}", code.as_str(), code.detail());
    }
    let header = |text: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(text))
            .build()
    };
    by_status
        .into_iter()
        .map(|(status, description)| {
            let mut response = ResponseBuilder::new().description(description).content(
                "application/problem+json",
                Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem")))),
            );
            if matches!(status, 429 | 503) {
                response = response.header("Retry-After", header("Whole seconds to wait."));
            }
            if status == 401 {
                response =
                    response.header("WWW-Authenticate", header("The scheme that is wanted."));
            }
            (status.to_string(), response.build().into())
        })
        .collect()
}

/// `problems!(pub StartProblems: BODY, ANY, [SmsFailed])` makes a type for the
/// `responses(...)` of an operation.
#[macro_export]
macro_rules! problems {
    ($name:ident: $($set:ident,)* [$($code:ident),*]) => {
        struct $name;
        impl ::utoipa::IntoResponses for $name {
            fn responses() -> ::std::collections::BTreeMap<
                String,
                ::utoipa::openapi::RefOr<::utoipa::openapi::Response>,
            > {
                $crate::http::docs::responses(&[
                    $($crate::http::docs::$set,)*
                    &[$($crate::http::problem::Code::$code),*],
                ])
            }
        }
    };
}

//! The OpenAPI document. A handler with `#[utoipa::path]` is route and operation at once;
//! an operation names the codes it can answer, the responses follow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa_axum::PathItemExt as _;

#[doc(hidden)]
pub use utoipa_axum;

use super::problem::Code;
use crate::app::App;

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

/// A handler behind the methods that its description names.
pub fn method_router<P, H, T>(handler: H) -> MethodRouter<App>
where
    P: utoipa::Path,
    H: Handler<T, App>,
    T: 'static,
{
    let methods = P::methods().into_iter().map(|method| method.to_method_filter());
    methods.reduce(MethodFilter::or).map_or_else(MethodRouter::new, |methods| on(methods, handler))
}

/// `endpoints!(router: fetch_bundles, …)` makes of a group's handlers `router()`, which serves
/// them, and `document()`, which describes them. A function that starts serves: to describe
/// takes longer than all else that it does before its first answer.
#[macro_export]
macro_rules! endpoints {
    ($router:ident: $($handler:ident),+ $(,)?) => {
        pub fn $router() -> ::axum::Router<$crate::app::App> {
            let router = ::axum::Router::new();
            $(let router = $crate::http::docs::utoipa_axum::paste! {
                router.route(
                    &<[<__path_ $handler>] as ::utoipa::Path>::path(),
                    $crate::http::docs::method_router::<[<__path_ $handler>], _, _>($handler),
                )
            };)+
            router
        }

        /// The OpenAPI document of these endpoints alone.
        #[must_use]
        pub fn document() -> ::utoipa::openapi::OpenApi {
            let router = $crate::http::docs::utoipa_axum::router::OpenApiRouter::<$crate::app::App>::new();
            $(let router = router.routes($crate::http::docs::utoipa_axum::routes!($handler));)+
            router.into_openapi()
        }
    };
}

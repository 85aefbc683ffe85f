//! The OpenAPI document. A handler with `#[utoipa::path]` is route and operation at once;
//! an operation names the codes it can answer, the responses follow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

#[doc(hidden)]
pub use utoipa_axum;

use super::problem::{Code, Problem, example_of};

/// What any route may answer.
pub const ANY: &[Code] =
    &[Code::OriginUnverified, Code::RateLimited, Code::Internal, Code::Unavailable];
/// What a route with a body may answer.
pub const BODY: &[Code] =
    &[Code::BodyMalformed, Code::ValidationFailed, Code::BodyTooLarge, Code::NotJson];
/// What a route with a caller may answer.
pub const BEARER: &[Code] = &[
    Code::TokenMissing,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::SessionEnded,
    Code::DpopProofInvalid,
];

/// The extension of a response that holds its codes, until the document is complete.
pub const CODES: &str = "x-codes";

/// The responses of an operation that refuses with these codes.
#[must_use]
pub fn responses(codes: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, (String, Vec<Code>)> = BTreeMap::new();
    for code in codes.iter().copied().flatten() {
        let (text, codes) = by_status.entry(code.status().as_u16()).or_default();
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{separator}`{}`: {}", code.as_str(), code.detail());
        codes.push(*code);
    }
    let header = |text: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(text))
            .build()
    };
    by_status
        .into_iter()
        .map(|(status, (description, codes))| {
            let examples = codes.iter().map(|code| {
                let example = ExampleBuilder::new().value(Some(example_of(*code)));
                (code.as_str(), example)
            });
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .examples_from_iter(examples);
            let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
            let codes: Extensions = [(CODES, codes)].into_iter().collect();
            let mut response = ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content.build())
                .extensions(Some(codes));
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
                $crate::http::openapi::responses(&[
                    $($crate::http::openapi::$set,)*
                    &[$($crate::http::problem::Code::$code),*],
                ])
            }
        }
    };
}

/// The operation that answered: in the response's extensions, for the log.
#[derive(Clone, Copy, Debug)]
pub struct Operation(pub &'static str);

/// One operation: its path, its methods, and the handler behind them.
pub struct Endpoint<S> {
    path: String,
    methods: Vec<Method>,
    route: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    /// The handler behind the methods that its description names.
    pub fn new<P, H, T>(operation: &'static str, handler: H) -> Self
    where
        P: utoipa::Path,
        H: Handler<T, S>,
        T: 'static,
    {
        let methods = P::methods();
        let filters = methods.iter().map(utoipa_axum::PathItemExt::to_method_filter);
        let route = filters
            .reduce(MethodFilter::or)
            .map_or_else(MethodRouter::new, |filter| on(filter, handler));
        let route = route.layer(from_fn(move |request: Request, next: Next| async move {
            tracing::Span::current().record("operation", operation);
            let mut response = next.run(request).await;
            response.extensions_mut().insert(Operation(operation));
            response
        }));
        let methods = methods.iter().map(to_method).collect();
        Self { path: P::path(), methods, route }
    }
}

fn to_method(method: &utoipa::openapi::HttpMethod) -> Method {
    use utoipa::openapi::HttpMethod;
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// Whether a HEAD is answered as a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// The handler would do its whole work, and even give out a key, for an answer that
    /// nobody receives: 405.
    Refused,
    /// Pages that only read.
    Answered,
}

/// The routes of a function. A known path with another method is 405 with `Allow`.
pub fn routes<S: Clone + Send + Sync + 'static>(
    endpoints: Vec<Endpoint<S>>,
    head: Head,
) -> Router<S> {
    let mut by_path: BTreeMap<String, (Vec<Method>, MethodRouter<S>)> = BTreeMap::new();
    for Endpoint { path, methods, route } in endpoints {
        let (all, router) = by_path.entry(path).or_default();
        all.extend(methods);
        *router = std::mem::take(router).merge(route);
    }
    by_path.into_iter().fold(Router::new(), |router, (path, (methods, route))| {
        let answers_head = head == Head::Answered && methods.contains(&Method::GET);
        let mut methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        methods.sort_unstable();
        let methods = methods.into_iter();
        let allow: Vec<&str> = methods.chain(answers_head.then_some("HEAD")).collect();
        let allow = allow.join(",");
        let for_head = allow.clone();
        let refused = move || async move { Problem::method_not_allowed(allow) };
        let route = route.fallback(refused);
        if answers_head {
            return router.route(&path, route);
        }
        let head = from_fn(move |request: Request, next: Next| {
            let allow = for_head.clone();
            async move { answer_head(request, next, allow).await }
        });
        router.route(&path, route.layer(head))
    })
}

async fn answer_head(request: Request, next: Next, allow: String) -> HttpResponse {
    if request.method() == Method::HEAD {
        return Problem::method_not_allowed(allow).into_response();
    }
    next.run(request).await
}

/// `endpoints!(State, Head::Refused: fetch_bundles, …)` makes of a function's handlers
/// `endpoints()`, which serves them, and `document()`, which describes them. A function that
/// starts only serves: the description takes longer than all else before its first answer.
#[macro_export]
macro_rules! endpoints {
    ($state:ty, $head:expr; $($handler:ident),+ $(,)?) => {
        pub fn endpoints() -> ::axum::Router<$state> {
            let endpoints = ::std::vec![$($crate::http::openapi::utoipa_axum::paste! {
                $crate::http::openapi::Endpoint::new::<[<__path_ $handler>], _, _>(
                    stringify!($handler),
                    $handler,
                )
            }),+];
            $crate::http::openapi::routes(endpoints, $head)
        }

        /// The OpenAPI document of these endpoints alone.
        #[must_use]
        pub fn document() -> ::utoipa::openapi::OpenApi {
            let router = $crate::http::openapi::utoipa_axum::router::OpenApiRouter::<$state>::new();
            $(let router = router.routes($crate::http::openapi::utoipa_axum::routes!($handler));)+
            router.into_openapi()
        }
    };
}

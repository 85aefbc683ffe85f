//! Requests that no route takes: 405 with `Allow` where the path exists under other
//! methods, else 404. Behind the gateway these come here from every function (`$default`),
//! so the paths are those of the whole document.

use axum::extract::Request;
use matchit::Router;
use shared::http::problem::{Code, Problem};
use std::sync::LazyLock;

use crate::documentation::OPENAPI;

/// The methods of each path, for the `Allow` header. axum uses the same matcher.
static KNOWN: LazyLock<Router<String>> = LazyLock::new(|| {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap_or_default();
    let mut known = Router::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let methods = methods.as_object().into_iter().flatten();
        let methods: Vec<String> = methods.map(|(method, _)| method.to_uppercase()).collect();
        if let Err(error) = known.insert(path.clone(), methods.join(",")) {
            tracing::error!(error = %error, path, "failed to add a path of the document");
        }
    }
    known
});

/// Answers a request that matches no route. HEAD is allowed only on this function's own pages:
/// elsewhere GET may change state, for example take a one-time key.
pub async fn unknown_route(request: Request) -> Problem {
    let method = request.method().as_str();
    match KNOWN.at(request.uri().path()) {
        // A known method comes here where the gateway accepts no empty id.
        Ok(known) if !known.value.split(',').any(|known| known == method) => {
            Problem::method_not_allowed(known.value.clone())
        }
        _ => Problem::new(Code::NotFound),
    }
}

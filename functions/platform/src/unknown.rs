//! Requests that no route takes: 405 with `Allow` where the path exists under other
//! methods, else 404. Behind the gateway these come here from every group (`$default`),
//! so the paths are those of the whole document.

use axum::extract::Request;
use shared::http::problem::{Code, Problem};
use std::sync::LazyLock;

/// A path template, cut into its segments, with its methods as `Allow` lists them.
struct Known {
    segments: Vec<String>,
    allow: String,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let document: serde_json::Value =
        serde_json::from_str(crate::routes::OPENAPI).unwrap_or_default();
    let Some(paths) = document["paths"].as_object() else { return Vec::new() };
    paths
        .iter()
        .filter_map(|(path, methods)| {
            let methods = methods.as_object()?.keys().map(|method| method.to_uppercase());
            Some(Known {
                segments: path.split('/').map(str::to_owned).collect(),
                allow: methods.collect::<Vec<_>>().join(","),
            })
        })
        .collect()
});

impl Known {
    /// As the router does: an id may be empty, though not at the end.
    fn matches(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        let mut known = self.segments.iter();
        known.all(|known| segments.next().is_some_and(|s| s == known || known.starts_with('{')))
            && segments.next().is_none()
            && !path.ends_with('/')
    }
}

/// Answers what is no route. A HEAD is one only on this function's own pages: elsewhere the
/// handler would do its whole work, hand out a key even, for an answer nobody sees.
pub async fn unknown_route(request: Request) -> Problem {
    let path = request.uri().path();
    // A literal path wins over one with a parameter, as in the router.
    let known = KNOWN.iter().filter(|known| known.matches(path));
    let known =
        known.min_by_key(|known| known.segments.iter().filter(|s| s.starts_with('{')).count());
    match known {
        // A known method comes here where the gateway takes no empty id.
        Some(known)
            if !known.allow.split(',').any(|method| method == request.method().as_str()) =>
        {
            Problem::method_not_allowed(known.allow.clone())
        }
        _ => Problem::new(Code::NotFound),
    }
}

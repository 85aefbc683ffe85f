//! The service that is served: all functions' routers as one, their OpenAPI
//! document, and what their configuration needs on a laptop.

use std::fs::File;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use shared::app::App;
use shared::config::{Config, ConfigErrors};
use shared::http::ClientConnection;
use shared::sealing::new_pepper;
use shared::tokens::new_jwt_keys;
use utoipa::openapi::OpenApi;

use crate::instance::Variables;

/// The routers of every function, as the gateway joins them.
fn functions() -> Router<App> {
    // The gateway compares methods to the letter: what is no route goes to `platform`, a HEAD
    // too, which axum would answer as a GET.
    Router::new()
        .merge(verify::router())
        .merge(login::router())
        .merge(tokens::router())
        .merge(prekeys::router())
        .method_not_allowed_fallback(platform::unknown_route)
        .route_layer(from_fn(refuse_head))
        .merge(platform::router())
}

async fn refuse_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return platform::unknown_route(request).await.into_response();
    }
    next.run(request).await
}

/// All that answers on the local port.
pub fn router(app: App, is_local: bool) -> Router {
    let functions = functions();
    let all = if is_local { functions.merge(platform::dev_router()) } else { functions };
    shared::http::serve(all, app)
}

/// Does now and then what operators have invoked on a schedule; until it is dropped.
pub async fn run_maintenance(app: App) {
    const EVERY: Duration = Duration::from_mins(1);
    loop {
        if let Err(error) = shared::maintenance::clean_up_keys(&app, app.clock.now()).await {
            tracing::warn!(error = %error, "old keys are not cleaned up");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The document that describes every function.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = verify::document();
    for group in [login::document(), tokens::document(), prekeys::document(), platform::document()]
    {
        document.merge(group);
    }
    platform::openapi(document)
}

/// The same, as it stands in infra/openapi.json.
///
/// # Panics
/// Never: the document is made of texts, lists and maps.
#[must_use]
pub fn openapi_json() -> String {
    let mut text = serde_json::to_string_pretty(&openapi()).expect("a document of plain values");
    text.push('\n');
    text
}

/// Reads the configuration: what the environment says, else what is given here.
pub fn config(defaults: &Variables) -> Result<Config, ConfigErrors> {
    Config::from_lookup(|name| variable(name).or_else(|| defaults.get(name).cloned()))
}

/// A variable of our own environment; an empty one counts as absent.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// New secrets, by the names that the configuration has for them.
#[must_use]
pub fn new_keys() -> Variables {
    [("JWT_KEYS", new_jwt_keys()), ("PEPPER", new_pepper())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// Puts the caller's address where the layers look for it.
pub fn set_client_connection(request: &mut Request, address: IpAddr) {
    request.extensions_mut().insert(ClientConnection { address, arrived: None });
}

/// Sends the service's logs to this file.
pub fn log_to(file: File) {
    shared::telemetry::init(std::sync::Mutex::new(file));
}
